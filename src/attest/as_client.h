// SPDX-License-Identifier: Apache-2.0
// The guest's client of an attestation service by itself (CoCo's restful-as, or our trust service's face of
// it): evidence in, token out, no key broker between. The token is for showing to somebody who trusts that
// service; no resource can be encrypted to it, because it names no key.
#ifndef CC_ATTEST_AS_CLIENT_H_
#define CC_ATTEST_AS_CLIENT_H_

#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "attest/attester/attester.h"
#include "attest/kbs/http.h"
#include "attest/kbs/session_cache.h"

namespace cc::attest {

struct AsOptions {
  std::string url;  // http(s)://host[:port], beneath which is /attestation
  HttpOptions http;
  std::optional<std::string> init_data;  // the TOML text whose digest is in the evidence
};

// Any thread may call; at most one request for a token runs at a time.
class AsClient {
 public:
  // Does not talk to anybody. InvalidArgument for a bad URL.
  static absl::StatusOr<std::unique_ptr<AsClient>> Create(AsOptions options,
                                                          std::shared_ptr<Attester> attester);

  // A JWT, the same one for as long as it is fresh. PermissionDenied with the service's reason when it
  // refused the evidence, else what HttpClient reports.
  absl::StatusOr<std::string> GetToken();

 private:
  AsClient(AsOptions options, std::shared_ptr<Attester> attester, std::unique_ptr<HttpClient> http);
  absl::StatusOr<Session> Request() const;

  const AsOptions options_;
  const std::shared_ptr<Attester> attester_;
  const std::unique_ptr<HttpClient> http_;
  SessionCache tokens_;
};

}  // namespace cc::attest

#endif  // CC_ATTEST_AS_CLIENT_H_
