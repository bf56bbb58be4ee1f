// SPDX-License-Identifier: Apache-2.0
// The guest's client of a key broker (KBS protocol 0.4.0): attests, then fetches resources that the broker
// encrypts to this guest's key.
//
//   CC_ASSIGN_OR_RETURN(auto kbs, KbsClient::Create({.url = "https://kbs:8080"}, std::move(attester)));
//   CC_ASSIGN_OR_RETURN(SecretBytes key, kbs->Get(*ResourceUri::Parse("kbs:///default/key/1")));
//
// It trusts the broker for what it releases, and nothing between: over plain HTTP the resources are still
// encrypted to a key that the evidence vouches for. It does not prove to the guest who the broker is; that
// takes https with a root in the measured configuration.
#ifndef CC_ATTEST_KBS_KBS_CLIENT_H_
#define CC_ATTEST_KBS_KBS_CLIENT_H_

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "attest/attester/attester.h"
#include "attest/kbs/http.h"
#include "attest/kbs/session_cache.h"
#include "attest/kbs/tee_key.h"
#include "attest/resource_source.h"

namespace cc::attest {

struct KbsOptions {
  std::string url;  // http(s)://host[:port][/prefix]
  HttpOptions http;
  TeeKeyAlgorithm tee_key_algorithm = TeeKeyAlgorithm::kEcdhEsA256KwP256;
  std::optional<std::string> init_data;  // the TOML text whose digest is in the evidence
  // How a resource request shows that the guest was attested. The token works with every replica and for as
  // long as it lives; the cookie only with the session, but it is short where a token would be too long for a
  // header.
  enum class Proof { kToken, kCookie } proof = Proof::kToken;
  // A refusal judges the guest by the session's token, as the owner's endorsements were when it was made.
  // With a session of an earlier request that is older than this, the guest attests anew and asks once more.
  // Not for each refusal: whoever in the guest may ask could keep the broker busy.
  std::chrono::milliseconds renew_after{2000};
  // Waits before a further attempt when the broker cannot be reached or is overloaded; as many as there are.
  std::vector<std::chrono::milliseconds> retry_delays{
      std::chrono::milliseconds(50), std::chrono::milliseconds(200), std::chrono::milliseconds(800)};
  std::function<void(std::chrono::milliseconds)> wait = [](std::chrono::milliseconds delay) {
    std::this_thread::sleep_for(delay);
  };
};

// Any thread may call; at most one handshake runs at a time.
class KbsClient final : public ResourceSource {
 public:
  // Generates the guest's key. Does not talk to anybody. InvalidArgument for a bad URL or root certificate.
  static absl::StatusOr<std::unique_ptr<KbsClient>> Create(KbsOptions options,
                                                           std::shared_ptr<Attester> attester);

  // A refusal is PermissionDenied with "attestation: <the broker's reason>".
  absl::StatusOr<SecretBytes> Get(const ResourceUri& uri) override;

  struct TokenAndKey {
    std::string token;
    SecretBytes key_pem;  // private
  };
  // For whoever wants to show the token elsewhere: it names the key.
  absl::StatusOr<TokenAndKey> GetToken();

 private:
  KbsClient(KbsOptions options, std::shared_ptr<Attester> attester, std::unique_ptr<HttpClient> http,
            TeeKey key);

  // Of `path` beneath the broker's prefix; retries as the options say. Any HTTP status is an answer but 429
  // and 5xx.
  absl::StatusOr<HttpResponse> Send(const HttpRequest& request, std::string_view what) const;
  absl::StatusOr<Session> Attest() const;
  absl::StatusOr<std::string> FetchResource(const ResourceUri& uri, const Session& session) const;

  const KbsOptions options_;
  const std::shared_ptr<Attester> attester_;
  const std::unique_ptr<HttpClient> http_;
  const TeeKey key_;
  SessionCache sessions_;
};

}  // namespace cc::attest

#endif  // CC_ATTEST_KBS_KBS_CLIENT_H_
