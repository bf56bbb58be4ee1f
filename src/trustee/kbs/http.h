// SPDX-License-Identifier: Apache-2.0
// Requests and answers, free of any HTTP library.
#ifndef CC_TRUSTEE_KBS_HTTP_H_
#define CC_TRUSTEE_KBS_HTTP_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cc::trustee {

struct HttpRequest {
  std::string method;
  std::string target;  // path and query as received, not decoded
  std::string cookie;  // header values; empty when absent
  std::string authorization;
  std::string body;
  std::string peer;  // address of the client
};

struct HttpResponse {
  unsigned status = 200;
  std::string content_type;
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
};

// The token of "Bearer <token>"; empty for anything else.
std::string_view BearerToken(std::string_view authorization);

// The value of a cookie; empty when it is not there.
std::string_view CookieValue(std::string_view header, std::string_view name);

}  // namespace cc::trustee

#endif  // CC_TRUSTEE_KBS_HTTP_H_
