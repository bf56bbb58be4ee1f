// SPDX-License-Identifier: Apache-2.0
// The claims of a CCA token as typed values. Parsing checks types and sizes, not who signed: believe claims
// only when they come from VerifyToken (verify.h).
#ifndef CC_CCA_CLAIMS_H_
#define CC_CCA_CLAIMS_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "jose/digest.h"

namespace cc::cca {

// One piece of platform firmware.
struct SwComponent {
  std::optional<std::string> type;  // "BL", "RMM", …
  std::string measurement;          // 32, 48 or 64 bytes
  std::optional<std::string> version;
  std::string signer_id;  // 32, 48 or 64 bytes
  std::optional<std::string> hash_algorithm;
};

// Signed by the CPAK.
struct PlatformClaims {
  std::string profile;                     // one of the known ones
  std::string challenge;                   // hash of the realm's public key claim; 32, 48 or 64 bytes
  std::string implementation_id;           // 32 bytes
  std::string instance_id;                 // 33 bytes, the first is 0x01
  std::string config;                      // not empty
  uint16_t lifecycle = 0;                  // see lifecycle.h
  std::vector<SwComponent> sw_components;  // at least one
  std::optional<std::string> verification_service;
  std::string hash_algorithm;  // of measurements without one of their own

  // The payload of a platform token. InvalidArgument names the claim.
  static absl::StatusOr<PlatformClaims> Parse(std::string_view cbor);
  // What Parse reads.
  std::string Encode() const;
};

// Signed by the RAK, which is one of the claims.
struct RealmClaims {
  std::optional<std::string> profile;  // one of the known ones; absent in the legacy profile
  std::string challenge;               // 64 bytes
  std::string rpv;                     // 64 bytes
  std::string hash_algorithm;          // of rim and rems: "sha-256", "sha-384" or "sha-512"
  std::string rim;                     // as long as the hash
  std::array<std::string, 4> rems;
  std::string public_key;  // the RAK as encoded: EC point (legacy) or COSE_Key
  std::string public_key_hash_algorithm;
  std::optional<std::string> instance_id;  // RMM 2.0
  std::optional<int64_t> mec_policy;       // RMM 2.0: 0 shared, 1 private memory encryption context

  static absl::StatusOr<RealmClaims> Parse(std::string_view cbor);
  std::string Encode() const;
};

struct CcaClaims {
  PlatformClaims platform;
  RealmClaims realm;
};

// "sha-256", "sha-384" or "sha-512" (IANA hash function text names), else InvalidArgument.
absl::StatusOr<jose::Hash> HashByTokenName(std::string_view name);

}  // namespace cc::cca

#endif  // CC_CCA_CLAIMS_H_
