// SPDX-License-Identifier: Apache-2.0
#include "ttrpc/service_table.h"

#include <exception>
#include <utility>

#include "base/status.h"
#include "base/strings.h"

namespace cc::ttrpc {

void ServiceTable::Add(std::string_view service, std::string_view name, Method method) {
  services_[std::string(service)][std::string(name)] = std::move(method);
}

absl::StatusOr<const ServiceTable::Method*> ServiceTable::Find(std::string_view service,
                                                               std::string_view name) const {
  const auto methods = services_.find(service);
  if (methods == services_.end()) return absl::UnimplementedError(StrCat("service ", service));
  const auto method = methods->second.find(name);
  if (method == methods->second.end()) return absl::UnimplementedError(StrCat("method ", name));
  return &method->second;
}

absl::Status ServiceTable::Invoke(const Method& method, const CallContext& call, std::string_view service,
                                  std::string_view name, std::string_view payload,
                                  std::string& response) const {
  try {
    if (interceptor_) CC_RETURN_IF_ERROR(interceptor_({service, name, method.request_type, payload}));
    return method.handler(call, payload, response);
  } catch (const std::exception& error) {
    return absl::InternalError(StrCat("handle ", service, "/", name, ": exception: ", error.what()));
  } catch (...) {
    return absl::InternalError(StrCat("handle ", service, "/", name, ": exception of unknown type"));
  }
}

}  // namespace cc::ttrpc
