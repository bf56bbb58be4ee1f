// SPDX-License-Identifier: Apache-2.0
// The methods of a server. Filled before it serves, read by many threads afterwards.
#ifndef CC_TTRPC_SERVICE_TABLE_H_
#define CC_TTRPC_SERVICE_TABLE_H_

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ttrpc/server.h"

namespace cc::ttrpc {

class ServiceTable {
 public:
  struct Method {
    std::string request_type;  // see Server::Invocation
    Server::RawHandler handler;
  };

  // A second handler for the same method replaces the first.
  void Add(std::string_view service, std::string_view name, Method method);
  void SetInterceptor(Server::Interceptor interceptor) { interceptor_ = std::move(interceptor); }

  // Unimplemented, worded as Go's ttrpc does, when there is none. The pointer lives as long as the table.
  absl::StatusOr<const Method*> Find(std::string_view service, std::string_view name) const;

  // Interceptor, then handler. An exception from either becomes Internal.
  absl::Status Invoke(const Method& method, const CallContext& call, std::string_view service,
                      std::string_view name, std::string_view payload, std::string& response) const;

 private:
  std::map<std::string, std::map<std::string, Method, std::less<>>, std::less<>> services_;
  Server::Interceptor interceptor_;
};

}  // namespace cc::ttrpc

#endif  // CC_TTRPC_SERVICE_TABLE_H_
