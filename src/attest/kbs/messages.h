// SPDX-License-Identifier: Apache-2.0
// The messages of the KBS protocol, version 0.4.0, as texts. What the broker sends is hostile until it is
// parsed here: another party may sit behind its address.
#ifndef CC_ATTEST_KBS_MESSAGES_H_
#define CC_ATTEST_KBS_MESSAGES_H_

#include <chrono>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "jose/digest.h"

namespace cc::attest {

inline constexpr std::string_view kKbsVersion = "0.4.0";
inline constexpr std::string_view kKbsPrefix = "/kbs/v0";
inline constexpr std::string_view kKbsCookie = "kbs-session-id";

// POST /auth
std::string AuthRequest(std::string_view tee);

struct Challenge {
  std::string nonce;
  jose::Hash hash = jose::Hash::kSha384;  // over the runtime data
};
absl::StatusOr<Challenge> ParseChallenge(std::string_view json);

// What the evidence is over: the hash of the canonical form of {additional-evidence, nonce, tee-pubkey}. The
// first is "" where there are no further devices.
absl::StatusOr<std::string> RuntimeDigest(const Challenge& challenge, const nlohmann::json& tee_pubkey,
                                          std::string_view additional_evidence);

// POST /attest. `init_data` is the TOML text, if any; `evidence` is JSON text from the attester.
absl::StatusOr<std::string> AttestRequest(const std::optional<std::string>& init_data, std::string_view nonce,
                                          const nlohmann::json& tee_pubkey, std::string_view evidence,
                                          std::string_view additional_evidence);

struct Token {
  std::string text;  // JWT
  // How long it lives, by its own words (exp - iat): the guest's clock is the host's to set.
  std::optional<std::chrono::seconds> lifetime;
};
absl::StatusOr<Token> ParseTokenReply(std::string_view json);
// A bare JWT, as the attestation service's own interface answers with; `what` names it in errors.
absl::StatusOr<Token> ParseToken(std::string text, std::string_view what);

// The value of the session cookie in a Set-Cookie header; nothing when it is another cookie or malformed.
std::optional<std::string> SessionCookie(std::string_view set_cookie);

// What to make of an answer with an HTTP status other than 200. Upstream says 401 for nearly everything and
// names the kind in the body's `type`; a proper status is understood too. `what` begins the message. The code
// says what to do: Unauthenticated - attest again; Unavailable - try again; PermissionDenied (attestation or
// policy refused, message "attestation: …"), NotFound, ResourceExhausted and Internal - give up.
absl::Status KbsError(std::string_view what, long http_status, std::string_view body);

}  // namespace cc::attest

#endif  // CC_ATTEST_KBS_MESSAGES_H_
