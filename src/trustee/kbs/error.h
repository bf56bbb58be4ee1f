// SPDX-License-Identifier: Apache-2.0
// Errors of the KBS protocol: body {"type": URI, "detail": text} and a status code.
//
// Types are upstream's variant names; `type` is their prefix and the name. Status codes are ours where
// upstream answers 401 for everything: its client (guest-components v0.21) reads 401 as "attest again", 404
// as "does not exist", and any other code as final with the detail shown, so a denial of 403 ends a useless
// loop of three attestations.
//
//   type                  status  when
//   SerdeError            400     a body that is no message of the protocol
//   ParsePolicyError      400     a policy that does not decode or compile
//   JweError              400     a guest key that nothing can be encrypted to
//   TokenNotFound         401     neither session cookie nor bearer token
//   TokenVerifierError    401     a token that is expired, forged or of a foreign issuer
//   AttestationError      401     session unknown, expired or used; other nonce; other protocol version
//   AdminAuthAccess       401     no valid administrator token (403: the role may not do this)
//   AttestationError      403     evidence refused
//   PolicyDeny            403     the resource policy says no
//   InvalidRequestPath    404     a path outside the grammar
//   PluginNotFound        404     no such endpoint (405: not with this method)
//   PluginInternalError   404     the resource does not exist (500: it could not be read or written)
//   RvpsError             400     a reference value message that is malformed (404: no such value)
//   PayloadTooLarge       413     body beyond the limit (431: headers)
//   RateLimited           429     too many requests from this address
//   PolicyEngineError     500     a policy failed in evaluation
//   StorageBackendInitialization 503  the store is full or unreachable
#ifndef CC_TRUSTEE_KBS_ERROR_H_
#define CC_TRUSTEE_KBS_ERROR_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "trustee/kbs/http.h"

namespace cc::trustee {

enum class KbsErrorType {
  kSerde,
  kParsePolicy,
  kJwe,
  kTokenNotFound,
  kTokenVerifier,
  kAttestation,
  kAdminAuthAccess,
  kPolicyDeny,
  kInvalidRequestPath,
  kPluginNotFound,
  kPluginInternal,
  kRvps,
  kPayloadTooLarge,
  kRateLimited,
  kPolicyEngine,
  kStorage,
};

// The answer; `status` 0 takes the first one of the table.
HttpResponse ErrorResponse(KbsErrorType type, std::string_view detail, unsigned status = 0);

// Of a status whose message becomes the detail; codes that mean "the store" or "try later" give kStorage,
// whatever `type` says.
HttpResponse ErrorResponse(KbsErrorType type, const absl::Status& status, unsigned http_status = 0);

}  // namespace cc::trustee

#endif  // CC_TRUSTEE_KBS_ERROR_H_
