// SPDX-License-Identifier: Apache-2.0
#include "attest/as_client.h"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "attest/kbs/messages.h"
#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "jose/base64.h"
#include "jose/digest.h"
#include "jose/json.h"

namespace cc::attest {
namespace {

using nlohmann::json;

constexpr size_t kNonceSize = 32;
constexpr size_t kMaxShown = 1024;
// Where a token does not say how long it lives: what the reference attestation service issues.
constexpr std::chrono::seconds kAssumedLifetime{300};

absl::Status Refusal(std::string_view what, const HttpResponse& response) {
  std::string reason = response.body.substr(0, kMaxShown);
  std::replace_if(
      reason.begin(), reason.end(), [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7f; },
      ' ');
  const std::string message =
      StrCat(what, ": attestation: ", StrTrim(reason), " (HTTP ", response.status, ")");
  if (response.status == 404) return absl::NotFoundError(message);
  if (response.status == 429 || response.status == 503) return absl::UnavailableError(message);
  // The reference service says 500 whatever the reason.
  return absl::PermissionDeniedError(message);
}

}  // namespace

AsClient::AsClient(AsOptions options, std::shared_ptr<Attester> attester, std::unique_ptr<HttpClient> http)
    : options_(std::move(options)),
      attester_(std::move(attester)),
      http_(std::move(http)),
      tokens_([this] { return Request(); }) {}

absl::StatusOr<std::unique_ptr<AsClient>> AsClient::Create(AsOptions options,
                                                           std::shared_ptr<Attester> attester) {
  CC_ASSIGN_OR_RETURN(options.url, CheckServiceUrl(std::move(options.url), "attestation service"));
  CC_ASSIGN_OR_RETURN(std::unique_ptr<HttpClient> http, HttpClient::Create(options.http));
  return std::unique_ptr<AsClient>(new AsClient(std::move(options), std::move(attester), std::move(http)));
}

absl::StatusOr<Session> AsClient::Request() const {
  const std::string what = StrCat("get a token from ", options_.url);
  // Evidence that is bound to nothing could be of any time, and is refused for CCA everywhere.
  const json runtime_data{{"nonce", jose::Base64Encode(jose::RandomBytes(kNonceSize))}};
  CC_ASSIGN_OR_RETURN(const std::string canonical, jose::CanonicalJson(runtime_data));
  absl::StatusOr<std::string> evidence = attester_->GetEvidence(jose::Digest(jose::Hash::kSha384, canonical));
  if (!evidence.ok()) return Annotate(evidence.status(), what);
  json request{{"tee", attester_->tee()},
               {"evidence", jose::Base64UrlEncode(*evidence)},
               {"runtime_data", {{"structured", runtime_data}}},
               {"runtime_data_hash_algorithm", "sha384"}};
  if (options_.init_data.has_value()) request["init_data"] = {{"init_data_toml", *options_.init_data}};
  const json body{{"verification_requests", {request}}, {"policy_ids", json::array()}};
  absl::StatusOr<HttpResponse> response =
      http_->Send({.method = "POST",
                   .url = StrCat(options_.url, "/attestation"),
                   .headers = {"Content-Type: application/json"},
                   .body = body.dump(-1, ' ', false, json::error_handler_t::replace)});
  if (!response.ok()) return Annotate(response.status(), what);
  if (response->status != 200) return Refusal(what, *response);
  CC_ASSIGN_OR_RETURN(Token token, ParseToken(std::move(response->body), what));
  const std::chrono::seconds lifetime = token.lifetime.value_or(kAssumedLifetime);
  log::Info("attested",
            {{"as", options_.url}, {"tee", attester_->tee()}, {"token_seconds", lifetime.count()}});
  return Session{.token = std::move(token.text),
                 .cookie = {},
                 .fresh_until = std::chrono::steady_clock::now() + lifetime / 2};
}

absl::StatusOr<std::string> AsClient::GetToken() {
  CC_ASSIGN_OR_RETURN(const SessionPtr session, tokens_.Get());
  return session->token;
}

}  // namespace cc::attest
