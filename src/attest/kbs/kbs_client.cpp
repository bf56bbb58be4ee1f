// SPDX-License-Identifier: Apache-2.0
#include "attest/kbs/kbs_client.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "attest/kbs/messages.h"
#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"

namespace cc::attest {
namespace {

// A token longer than this may not fit the header limit of the broker or a proxy before it.
constexpr size_t kMaxTokenInHeader = 32 << 10;
// Where a token does not say how long it lives: what the reference attestation service issues.
constexpr std::chrono::seconds kAssumedLifetime{300};
// A session is not used in its last seconds, when it could expire on the way.
constexpr std::chrono::seconds kMargin{15};

}  // namespace

absl::StatusOr<std::unique_ptr<KbsClient>> KbsClient::Create(KbsOptions options,
                                                             std::shared_ptr<Attester> attester) {
  CC_ASSIGN_OR_RETURN(options.url, CheckServiceUrl(std::move(options.url), "KBS"));
  CC_ASSIGN_OR_RETURN(std::unique_ptr<HttpClient> http, HttpClient::Create(options.http));
  CC_ASSIGN_OR_RETURN(TeeKey key, TeeKey::Generate(options.tee_key_algorithm));
  return std::unique_ptr<KbsClient>(
      new KbsClient(std::move(options), std::move(attester), std::move(http), std::move(key)));
}

KbsClient::KbsClient(KbsOptions options, std::shared_ptr<Attester> attester, std::unique_ptr<HttpClient> http,
                     TeeKey key)
    : options_(std::move(options)),
      attester_(std::move(attester)),
      http_(std::move(http)),
      key_(std::move(key)),
      sessions_([this] { return Attest(); }) {}

absl::StatusOr<HttpResponse> KbsClient::Send(const HttpRequest& request, std::string_view what) const {
  for (size_t attempt = 0;; ++attempt) {
    absl::StatusOr<HttpResponse> response = http_->Send(request);
    absl::Status failure = response.ok() ? absl::OkStatus() : Annotate(response.status(), what);
    if (response.ok() && response->status != 200) failure = KbsError(what, response->status, response->body);
    if (failure.ok()) return response;
    // A request that ran into its time limit has waited long enough.
    if (!absl::IsUnavailable(failure) || attempt == options_.retry_delays.size()) return failure;
    options_.wait(options_.retry_delays[attempt]);
  }
}

absl::StatusOr<Session> KbsClient::Attest() const {
  const std::string what = StrCat("attest to ", options_.url);
  const std::string base = StrCat(options_.url, kKbsPrefix);
  const std::string content_type = "Content-Type: application/json";

  CC_ASSIGN_OR_RETURN(const HttpResponse auth, Send({.method = "POST",
                                                     .url = base + "/auth",
                                                     .headers = {content_type},
                                                     .body = AuthRequest(attester_->tee())},
                                                    what));
  absl::StatusOr<Challenge> challenge = ParseChallenge(auth.body);
  if (!challenge.ok()) return Annotate(challenge.status(), what);
  std::string cookie;
  const auto take_cookie = [&cookie](const HttpResponse& response) {
    for (const std::string& header : response.set_cookies) cookie = SessionCookie(header).value_or(cookie);
  };
  take_cookie(auth);
  if (cookie.empty()) {
    return absl::InvalidArgumentError(StrCat(what, ": the challenge came without a cookie ", kKbsCookie));
  }

  const nlohmann::json jwk = key_.PublicJwk();
  const std::string no_further_devices;
  CC_ASSIGN_OR_RETURN(const std::string digest, RuntimeDigest(*challenge, jwk, no_further_devices));
  absl::StatusOr<std::string> evidence = attester_->GetEvidence(digest);
  if (!evidence.ok()) return Annotate(evidence.status(), what);
  CC_ASSIGN_OR_RETURN(std::string body, AttestRequest(options_.init_data, challenge->nonce, jwk, *evidence,
                                                      no_further_devices));
  CC_ASSIGN_OR_RETURN(const HttpResponse attested,
                      Send({.method = "POST",
                            .url = base + "/attest",
                            .headers = {content_type, StrCat("Cookie: ", kKbsCookie, "=", cookie)},
                            .body = std::move(body)},
                           what));
  absl::StatusOr<Token> token = ParseTokenReply(attested.body);
  if (!token.ok()) return Annotate(token.status(), what);
  take_cookie(attested);

  const std::chrono::seconds lifetime = token->lifetime.value_or(kAssumedLifetime);
  log::Info("attested",
            {{"kbs", options_.url}, {"tee", attester_->tee()}, {"token_seconds", lifetime.count()}});
  return Session{
      .token = std::move(token->text),
      .cookie = std::move(cookie),
      .fresh_until = std::chrono::steady_clock::now() + std::max(lifetime / 2, lifetime - kMargin)};
}

absl::StatusOr<std::string> KbsClient::FetchResource(const ResourceUri& uri, const Session& session) const {
  std::string url = StrCat(options_.url, kKbsPrefix, "/", uri.plugin(), "/", uri.path());
  if (!uri.query().empty()) StrAppend(&url, "?", uri.query());
  const bool by_token =
      options_.proof == KbsOptions::Proof::kToken && session.token.size() <= kMaxTokenInHeader;
  const std::string proof = by_token ? StrCat("Authorization: Bearer ", session.token)
                                     : StrCat("Cookie: ", kKbsCookie, "=", session.cookie);
  CC_ASSIGN_OR_RETURN(HttpResponse response, Send({.url = std::move(url), .headers = {proof}},
                                                  StrCat("get ", uri.ToString(), " from ", options_.url)));
  return std::move(response.body);
}

absl::StatusOr<SecretBytes> KbsClient::Get(const ResourceUri& uri) {
  absl::StatusOr<std::string> body = absl::UnauthenticatedError("");
  const SessionPtr earlier = sessions_.Current();
  // A session is made anew, once, when the broker has forgotten it (restart, other signing key) or its
  // verdict may be out of date.
  bool renew = true;
  for (int attempt = 0; attempt < 2 && renew; ++attempt) {
    CC_ASSIGN_OR_RETURN(const SessionPtr session, sessions_.Get());
    body = FetchResource(uri, *session);
    const bool old =
        session == earlier && std::chrono::steady_clock::now() - session->made >= options_.renew_after;
    renew = absl::IsUnauthenticated(body.status()) || (absl::IsPermissionDenied(body.status()) && old);
    if (renew) sessions_.Drop(session);
  }
  if (!body.ok()) return body.status();
  absl::StatusOr<SecretBytes> resource = key_.Decrypt(*body);
  if (!resource.ok())
    return Annotate(resource.status(), StrCat("decrypt ", uri.ToString(), " from ", options_.url));
  return resource;
}

absl::StatusOr<KbsClient::TokenAndKey> KbsClient::GetToken() {
  CC_ASSIGN_OR_RETURN(const SessionPtr session, sessions_.Get());
  CC_ASSIGN_OR_RETURN(SecretBytes pem, key_.PrivatePem());
  return TokenAndKey{.token = session->token, .key_pem = std::move(pem)};
}

}  // namespace cc::attest
