// SPDX-License-Identifier: Apache-2.0
#include "ttrpc/service_table.h"

#include <exception>
#include <utility>

#include "base/status.h"
#include "base/strings.h"

namespace cc::ttrpc {

void ServiceTable::Add(std::string_view service, std::string_view method, Server::RawHandler handler) {
  services_[std::string(service)][std::string(method)] = std::move(handler);
}

absl::StatusOr<const Server::RawHandler*> ServiceTable::Find(std::string_view service,
                                                             std::string_view method) const {
  const auto methods = services_.find(service);
  if (methods == services_.end()) return absl::UnimplementedError(StrCat("service ", service));
  const auto handler = methods->second.find(method);
  if (handler == methods->second.end()) return absl::UnimplementedError(StrCat("method ", method));
  return &handler->second;
}

absl::Status ServiceTable::Invoke(const Server::RawHandler& handler, const CallContext& call,
                                  std::string_view service, std::string_view method, std::string_view payload,
                                  std::string& response) const {
  try {
    if (interceptor_) CC_RETURN_IF_ERROR(interceptor_(service, method));
    return handler(call, payload, response);
  } catch (const std::exception& error) {
    return absl::InternalError(StrCat("handle ", service, "/", method, ": exception: ", error.what()));
  } catch (...) {
    return absl::InternalError(StrCat("handle ", service, "/", method, ": exception of unknown type"));
  }
}

}  // namespace cc::ttrpc
