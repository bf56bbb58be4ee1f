// SPDX-License-Identifier: Apache-2.0
// COSE_Sign1 (RFC 9052 section 4.2) with ECDSA (RFC 9053 section 2.1): ES256, ES384, ES512, each with its own
// curve only. The signature is checked over the protected header as it was received, byte for byte.
#ifndef CC_CCA_COSE_SIGN1_H_
#define CC_CCA_COSE_SIGN1_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "jose/key.h"

namespace cc::cca {

enum class CoseAlgorithm : int64_t { kEs256 = -7, kEs384 = -35, kEs512 = -36 };

// A message whose signature nobody has checked. Owns its bytes.
class CoseSign1 {
 public:
  // Tagged 18 or untagged. InvalidArgument when it is not well-formed, has an algorithm other than the three,
  // a critical header, an algorithm in the unprotected header, or a detached payload. `what` names it in
  // errors.
  static absl::StatusOr<CoseSign1> Parse(std::string_view bytes, std::string_view what);

  CoseAlgorithm algorithm() const { return algorithm_; }

  // Not to be believed before Verify.
  const std::string& unverified_payload() const { return payload_; }

  // SHA-256 over protected header, payload and signature: no two messages that differ in them share it.
  std::string Fingerprint() const;

  // OK, or PermissionDenied when the key does not fit the algorithm or the signature is wrong.
  absl::Status Verify(const jose::Key& key) const;

 private:
  CoseSign1() = default;
  CoseAlgorithm algorithm_ = CoseAlgorithm::kEs384;
  std::string protected_;  // the content of the bstr, as received
  std::string payload_;
  std::string signature_;  // r || s
};

// Signs with the algorithm that fits the key; the result is tagged 18. FailedPrecondition without a private
// key.
absl::StatusOr<std::string> CoseSign(std::string_view payload, const jose::Key& key);

}  // namespace cc::cca

#endif  // CC_CCA_COSE_SIGN1_H_
