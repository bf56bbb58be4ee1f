// SPDX-License-Identifier: Apache-2.0
// For tests: a key broker that speaks the protocol as upstream's does, over a real socket, and that can be
// told to misbehave.
#ifndef CC_ATTEST_KBS_TEST_KBS_H_
#define CC_ATTEST_KBS_TEST_KBS_H_

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "jose/key.h"

namespace cc::attest {

class TestKbs {
 public:
  using Resources = std::map<std::string, std::string>;  // <repository>/<type>/<tag> to content
  struct Request {
    std::string method, target, authorization, cookie, body;
  };
  struct Reply {
    unsigned status = 200;
    std::string body;
    std::string set_cookie;
  };
  struct Tls {
    std::string certificate_pem, key_pem;
  };
  // Answers instead of the broker when it returns something. Called from any thread.
  using Intercept = std::function<std::optional<Reply>(const Request&)>;

  explicit TestKbs(Resources resources, Intercept intercept = {}, std::optional<Tls> tls = {});
  ~TestKbs();
  TestKbs(const TestKbs&) = delete;
  TestKbs& operator=(const TestKbs&) = delete;

  std::string url() const;
  // Requests so far whose target ends in `suffix`.
  std::vector<Request> Requests(const std::string& suffix) const;
  // Forgets its signing key, as upstream's does at each start: all tokens become invalid.
  void Restart();
  void set_token_seconds(int seconds);

 private:
  class Server;
  std::unique_ptr<Server> server_;
};

// A self-signed certificate for 127.0.0.1, made by the openssl program.
TestKbs::Tls MakeTestIdentity();

}  // namespace cc::attest

#endif  // CC_ATTEST_KBS_TEST_KBS_H_
