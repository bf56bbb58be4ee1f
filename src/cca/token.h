// SPDX-License-Identifier: Apache-2.0
// The CCA attestation token: a collection of a platform token and a realm token, both COSE_Sign1.
#ifndef CC_CCA_TOKEN_H_
#define CC_CCA_TOKEN_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "cca/claims.h"
#include "cca/cose_sign1.h"
#include "jose/key.h"

namespace cc::cca {

enum class TokenForm {
  kCollection,     // CBOR tag 399, RMM 1.0
  kCmwCollection,  // CBOR tag 907, RMM 2.0
};

// A token that is well-formed, with claims of the right types and sizes. Nothing of it is true before
// VerifyToken (verify.h) says so.
struct UnverifiedToken {
  TokenForm form;
  CoseSign1 platform_message;
  PlatformClaims platform;
  CoseSign1 realm_message;
  RealmClaims realm;
  jose::Key rak;  // from realm.public_key

  // InvalidArgument says which token and which claim.
  static absl::StatusOr<UnverifiedToken> Parse(std::string_view bytes);
};

// The collection of two encoded tokens.
std::string EncodeCollection(TokenForm form, std::string_view platform_token, std::string_view realm_token);

// A complete token: puts the RAK into the realm claims (as the realm profile wants it) and its hash into the
// platform claims, then signs both. For tests, samples and platforms without hardware; who has the keys can
// say anything.
absl::StatusOr<std::string> MintToken(TokenForm form, PlatformClaims platform, RealmClaims realm,
                                      const jose::Key& cpak, const jose::Key& rak);

}  // namespace cc::cca

#endif  // CC_CCA_TOKEN_H_
