// SPDX-License-Identifier: Apache-2.0
#include "base/status.h"
#include "base/strings.h"
#include "cca/cbor.h"
#include "cca/cbor_map.h"
#include "cca/cbor_writer.h"
#include "cca/claim_keys.h"
#include "cca/claims.h"

namespace cc::cca {
namespace {

constexpr size_t kRawP384Point = 97;
constexpr size_t kMaxPublicKey = 512;
constexpr size_t kMaxInstanceId = 64;

size_t SizeOf(jose::Hash hash) {
  switch (hash) {
    case jose::Hash::kSha256:
      return 32;
    case jose::Hash::kSha384:
      return 48;
    case jose::Hash::kSha512:
      return 64;
  }
  return 0;
}

absl::StatusOr<std::array<std::string, 4>> ParseRems(const CborMap& map, size_t size) {
  CC_ASSIGN_OR_RETURN(const CborValue* value, map.Get(kRealmRems, "extensible measurements"));
  CC_ASSIGN_OR_RETURN(const auto items, value->Array());
  std::array<std::string, 4> rems;
  if (items.size() != rems.size()) {
    return absl::InvalidArgumentError(StrCat(items.size(), " extensible measurements where 4 are due"));
  }
  for (size_t i = 0; i < rems.size(); ++i) {
    CC_ASSIGN_OR_RETURN(rems[i], items[i].Bytes());
    CC_RETURN_IF_ERROR(Annotate(CheckSize(rems[i], {size}), StrCat("extensible measurement ", i)));
  }
  return rems;
}

absl::StatusOr<std::string> ParsePublicKey(const CborMap& map, bool legacy) {
  if (legacy) {
    CC_ASSIGN_OR_RETURN(const auto point, map.Bytes(kRealmPublicKey, "public key", {kRawP384Point}));
    return std::string(point);
  }
  CC_ASSIGN_OR_RETURN(const auto key, map.Bytes(kRealmPublicKey, "public key"));
  if (key.empty() || key.size() > kMaxPublicKey) {
    return absl::InvalidArgumentError(
        StrCat("public key (key 44237): ", key.size(), " bytes where 1 to ", kMaxPublicKey, " are possible"));
  }
  return std::string(key);
}

absl::Status ParseRmm2(const CborMap& map, RealmClaims& claims) {
  if (map.Find(kInstanceId) != nullptr) {
    CC_ASSIGN_OR_RETURN(claims.instance_id, map.Bytes(kInstanceId, "instance id"));
    if (claims.instance_id->empty() || claims.instance_id->size() > kMaxInstanceId) {
      return absl::InvalidArgumentError(
          StrCat("instance id (key 256): ", claims.instance_id->size(), " bytes"));
    }
  }
  if (map.Find(kRealmMecPolicy) != nullptr) {
    CC_ASSIGN_OR_RETURN(claims.mec_policy, map.Int(kRealmMecPolicy, "MEC policy"));
  }
  return absl::OkStatus();
}

absl::StatusOr<RealmClaims> ParseClaims(const CborMap& map) {
  RealmClaims claims;
  CC_ASSIGN_OR_RETURN(claims.profile, map.OptionalText(kProfile, "profile"));
  if (claims.profile.has_value() && claims.profile != kRealmProfile2023 &&
      claims.profile != kRealmProfile2024) {
    return absl::InvalidArgumentError(StrCat("profile '", *claims.profile, "' is not known"));
  }
  CC_ASSIGN_OR_RETURN(claims.challenge, map.Bytes(kChallenge, "challenge", {64}));
  CC_ASSIGN_OR_RETURN(claims.rpv, map.Bytes(kRealmRpv, "personalization value", {64}));
  CC_ASSIGN_OR_RETURN(claims.hash_algorithm, map.Text(kRealmHashAlgorithm, "hash algorithm"));
  CC_ASSIGN_OR_RETURN(const jose::Hash hash, HashByTokenName(claims.hash_algorithm));
  CC_ASSIGN_OR_RETURN(claims.rim, map.Bytes(kRealmRim, "initial measurement", {SizeOf(hash)}));
  CC_ASSIGN_OR_RETURN(claims.rems, ParseRems(map, SizeOf(hash)));
  CC_ASSIGN_OR_RETURN(claims.public_key, ParsePublicKey(map, !claims.profile.has_value()));
  CC_ASSIGN_OR_RETURN(claims.public_key_hash_algorithm,
                      map.Text(kRealmKeyHashAlgorithm, "public key hash algorithm"));
  CC_RETURN_IF_ERROR(HashByTokenName(claims.public_key_hash_algorithm).status());
  CC_RETURN_IF_ERROR(ParseRmm2(map, claims));
  return claims;
}

}  // namespace

absl::StatusOr<RealmClaims> RealmClaims::Parse(std::string_view cbor) {
  CC_ASSIGN_OR_RETURN(const CborValue value, CborValue::Parse(cbor, "realm claims"));
  absl::StatusOr<CborMap> map = CborMap::Of(value);
  absl::StatusOr<RealmClaims> claims = map.ok() ? ParseClaims(*map) : map.status();
  if (!claims.ok()) return Annotate(claims.status(), "realm claims");
  return claims;
}

std::string RealmClaims::Encode() const {
  CborWriter out;
  const int optional = profile.has_value() + instance_id.has_value() + mec_policy.has_value();
  out.Map(static_cast<size_t>(7 + optional));
  out.Int(kChallenge).Bytes(challenge);
  if (instance_id.has_value()) out.Int(kInstanceId).Bytes(*instance_id);
  if (profile.has_value()) out.Int(kProfile).Text(*profile);
  out.Int(kRealmRpv).Bytes(rpv);
  out.Int(kRealmHashAlgorithm).Text(hash_algorithm);
  out.Int(kRealmPublicKey).Bytes(public_key);
  out.Int(kRealmRim).Bytes(rim);
  out.Int(kRealmRems).Array(rems.size());
  for (const std::string& rem : rems) out.Bytes(rem);
  out.Int(kRealmKeyHashAlgorithm).Text(public_key_hash_algorithm);
  if (mec_policy.has_value()) out.Int(kRealmMecPolicy).Int(*mec_policy);
  return std::move(out).str();
}

absl::StatusOr<jose::Hash> HashByTokenName(std::string_view name) {
  if (name == "sha-256") return jose::Hash::kSha256;
  if (name == "sha-384") return jose::Hash::kSha384;
  if (name == "sha-512") return jose::Hash::kSha512;
  return absl::InvalidArgumentError(
      StrCat("hash algorithm '", name.substr(0, 32), "' is not sha-256, sha-384 or sha-512"));
}

}  // namespace cc::cca
