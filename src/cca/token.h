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
// VerifyToken (verify.h) says so. Immutable: what is verified is what was parsed.
class UnverifiedToken {
 public:
  // InvalidArgument says which token and which claim.
  static absl::StatusOr<UnverifiedToken> Parse(std::string_view bytes);

  TokenForm form() const { return form_; }
  const CoseSign1& platform_message() const { return platform_message_; }
  const CoseSign1& realm_message() const { return realm_message_; }
  const PlatformClaims& platform() const { return claims_.platform; }
  const RealmClaims& realm() const { return claims_.realm; }
  const jose::Key& rak() const { return rak_; }  // of realm().public_key

 private:
  UnverifiedToken(TokenForm form, CoseSign1 platform_message, CoseSign1 realm_message, CcaClaims claims,
                  jose::Key rak)
      : form_(form),
        platform_message_(std::move(platform_message)),
        realm_message_(std::move(realm_message)),
        claims_(std::move(claims)),
        rak_(std::move(rak)) {}

  static absl::StatusOr<UnverifiedToken> ParseCollection(std::string_view bytes);

  TokenForm form_;
  CoseSign1 platform_message_;
  CoseSign1 realm_message_;
  CcaClaims claims_;
  jose::Key rak_;
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
