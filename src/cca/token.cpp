// SPDX-License-Identifier: Apache-2.0
#include "cca/token.h"

#include "base/status.h"
#include "base/strings.h"
#include "cca/cbor.h"
#include "cca/cbor_map.h"
#include "cca/cbor_writer.h"
#include "cca/claim_keys.h"
#include "cca/cose_key.h"

namespace cc::cca {
namespace {

// The COSE_Sign1 bytes under `key`, bare or as [263, bytes].
absl::StatusOr<std::string_view> Member(const CborMap& collection, TokenForm form, int64_t key,
                                        std::string_view name) {
  if (form == TokenForm::kCollection) return collection.Bytes(key, name);
  CC_ASSIGN_OR_RETURN(const CborValue* value, collection.Get(key, name));
  const auto read = [&]() -> absl::StatusOr<std::string_view> {
    CC_ASSIGN_OR_RETURN(const auto record, value->Array());
    if (record.size() != 2) return absl::InvalidArgumentError("the wrapper is not a pair of type and value");
    CC_ASSIGN_OR_RETURN(const int64_t type, record[0].Int());
    if (type != kEatCwtContentFormat) {
      return absl::InvalidArgumentError(StrCat("content format ", type, " is not 263 (application/eat+cwt)"));
    }
    return record[1].Bytes();
  };
  absl::StatusOr<std::string_view> bytes = read();
  if (!bytes.ok()) return Annotate(bytes.status(), name);
  return bytes;
}

absl::StatusOr<TokenForm> FormOf(const CborValue& value) {
  if (value.IsTag(kTagCollection)) return TokenForm::kCollection;
  if (value.IsTag(kTagCmwCollection)) return TokenForm::kCmwCollection;
  return absl::InvalidArgumentError(
      value.type() == CborValue::Type::kTag
          ? StrCat("CBOR tag ", value.tag_number(), " is neither 399 nor 907")
          : StrCat("a CBOR ", CborTypeName(value.type()), " without the tag 399 or 907"));
}

absl::StatusOr<jose::Key> ReadRak(const RealmClaims& realm) {
  absl::StatusOr<jose::Key> key =
      realm.profile.has_value() ? KeyFromCoseKey(realm.public_key) : KeyFromPoint(realm.public_key);
  if (!key.ok()) return Annotate(key.status(), "realm public key (key 44237)");
  return key;
}

}  // namespace

absl::StatusOr<UnverifiedToken> UnverifiedToken::ParseCollection(std::string_view bytes) {
  CC_ASSIGN_OR_RETURN(const CborValue value, CborValue::Parse(bytes, "collection"));
  CC_ASSIGN_OR_RETURN(const TokenForm form, FormOf(value));
  CC_ASSIGN_OR_RETURN(const CborMap collection, CborMap::Of(value.tagged()));
  CC_RETURN_IF_ERROR(collection.AllowOnly({kPlatformToken, kRealmToken}));
  CC_ASSIGN_OR_RETURN(const auto platform_bytes, Member(collection, form, kPlatformToken, "platform token"));
  CC_ASSIGN_OR_RETURN(const auto realm_bytes, Member(collection, form, kRealmToken, "realm token"));
  CC_ASSIGN_OR_RETURN(CoseSign1 platform, CoseSign1::Parse(platform_bytes, "platform token"));
  CC_ASSIGN_OR_RETURN(CoseSign1 realm, CoseSign1::Parse(realm_bytes, "realm token"));
  CcaClaims claims;
  CC_ASSIGN_OR_RETURN(claims.platform, PlatformClaims::Parse(platform.unverified_payload()));
  CC_ASSIGN_OR_RETURN(claims.realm, RealmClaims::Parse(realm.unverified_payload()));
  CC_ASSIGN_OR_RETURN(jose::Key rak, ReadRak(claims.realm));
  return UnverifiedToken(form, std::move(platform), std::move(realm), std::move(claims), std::move(rak));
}

absl::StatusOr<UnverifiedToken> UnverifiedToken::Parse(std::string_view bytes) {
  absl::StatusOr<UnverifiedToken> token = ParseCollection(bytes);
  if (!token.ok()) return Annotate(token.status(), "CCA token");
  return token;
}

std::string EncodeCollection(TokenForm form, std::string_view platform_token, std::string_view realm_token) {
  CborWriter out;
  const auto member = [&](int64_t key, std::string_view token) {
    out.Int(key);
    if (form == TokenForm::kCmwCollection) out.Array(2).Int(kEatCwtContentFormat);
    out.Bytes(token);
  };
  out.Tag(form == TokenForm::kCollection ? kTagCollection : kTagCmwCollection).Map(2);
  member(kPlatformToken, platform_token);
  member(kRealmToken, realm_token);
  return std::move(out).str();
}

absl::StatusOr<std::string> MintToken(TokenForm form, PlatformClaims platform, RealmClaims realm,
                                      const jose::Key& cpak, const jose::Key& rak) {
  CC_ASSIGN_OR_RETURN(realm.public_key, realm.profile.has_value() ? CoseKeyOf(rak) : PointOf(rak));
  CC_ASSIGN_OR_RETURN(const jose::Hash hash, HashByTokenName(realm.public_key_hash_algorithm));
  platform.challenge = jose::Digest(hash, realm.public_key);
  CC_ASSIGN_OR_RETURN(const std::string platform_token, CoseSign(platform.Encode(), cpak));
  CC_ASSIGN_OR_RETURN(const std::string realm_token, CoseSign(realm.Encode(), rak));
  return EncodeCollection(form, platform_token, realm_token);
}

}  // namespace cc::cca
