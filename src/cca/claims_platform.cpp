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

constexpr size_t kMaxComponents = 64;
constexpr size_t kMaxConfig = 4096;

absl::StatusOr<SwComponent> ParseComponent(const CborValue& value) {
  CC_ASSIGN_OR_RETURN(const CborMap map, CborMap::Of(value));
  SwComponent component;
  CC_ASSIGN_OR_RETURN(component.type, map.OptionalText(kComponentType, "type"));
  CC_ASSIGN_OR_RETURN(component.measurement, map.Bytes(kComponentMeasurement, "measurement", {32, 48, 64}));
  CC_ASSIGN_OR_RETURN(component.version, map.OptionalText(kComponentVersion, "version"));
  CC_ASSIGN_OR_RETURN(component.signer_id, map.Bytes(kComponentSignerId, "signer id", {32, 48, 64}));
  CC_ASSIGN_OR_RETURN(component.hash_algorithm, map.OptionalText(kComponentHashAlgorithm, "hash algorithm"));
  return component;
}

absl::StatusOr<std::vector<SwComponent>> ParseComponents(const CborMap& claims) {
  CC_ASSIGN_OR_RETURN(const CborValue* value, claims.Get(kPlatformSwComponents, "software components"));
  CC_ASSIGN_OR_RETURN(const auto items, value->Array());
  if (items.empty() || items.size() > kMaxComponents) {
    return absl::InvalidArgumentError(
        StrCat(items.size(), " software components where 1 to ", kMaxComponents, " are possible"));
  }
  std::vector<SwComponent> components;
  for (const CborValue& item : items) {
    absl::StatusOr<SwComponent> component = ParseComponent(item);
    if (!component.ok()) {
      return Annotate(component.status(), StrCat("software component ", components.size()));
    }
    components.push_back(*std::move(component));
  }
  return components;
}

absl::StatusOr<PlatformClaims> ParseClaims(const CborMap& map) {
  PlatformClaims claims;
  CC_ASSIGN_OR_RETURN(claims.profile, map.Text(kProfile, "profile"));
  if (claims.profile != kPlatformProfileLegacy && claims.profile != kPlatformProfile2023 &&
      claims.profile != kPlatformProfile2024) {
    return absl::InvalidArgumentError(StrCat("profile '", claims.profile, "' is not known"));
  }
  CC_ASSIGN_OR_RETURN(claims.challenge, map.Bytes(kChallenge, "challenge", {32, 48, 64}));
  CC_ASSIGN_OR_RETURN(claims.implementation_id,
                      map.Bytes(kPlatformImplementationId, "implementation id", {32}));
  CC_ASSIGN_OR_RETURN(claims.instance_id, map.Bytes(kInstanceId, "instance id", {33}));
  if (claims.instance_id[0] != '\x01') {
    return absl::InvalidArgumentError("instance id (key 256): the first byte is not 0x01");
  }
  CC_ASSIGN_OR_RETURN(claims.config, map.Bytes(kPlatformConfig, "configuration"));
  if (claims.config.empty() || claims.config.size() > kMaxConfig) {
    return absl::InvalidArgumentError(StrCat("configuration (key 2401): ", claims.config.size(),
                                             " bytes where 1 to ", kMaxConfig, " are possible"));
  }
  CC_ASSIGN_OR_RETURN(const int64_t lifecycle, map.Int(kPlatformLifecycle, "lifecycle"));
  if (lifecycle < 0 || lifecycle > 0xffff) {
    return absl::InvalidArgumentError(StrCat("lifecycle (key 2395): ", lifecycle, " is not in 16 bits"));
  }
  claims.lifecycle = static_cast<uint16_t>(lifecycle);
  CC_ASSIGN_OR_RETURN(claims.sw_components, ParseComponents(map));
  CC_ASSIGN_OR_RETURN(claims.verification_service,
                      map.OptionalText(kPlatformVerificationService, "verification service"));
  CC_ASSIGN_OR_RETURN(claims.hash_algorithm, map.Text(kPlatformHashAlgorithm, "hash algorithm"));
  CC_RETURN_IF_ERROR(HashByTokenName(claims.hash_algorithm).status());
  return claims;
}

void OptionalText(CborWriter& out, int64_t key, const std::optional<std::string>& text) {
  if (text.has_value()) out.Int(key).Text(*text);
}

}  // namespace

absl::StatusOr<PlatformClaims> PlatformClaims::Parse(std::string_view cbor) {
  CC_ASSIGN_OR_RETURN(const CborValue value, CborValue::Parse(cbor, "platform claims"));
  absl::StatusOr<CborMap> map = CborMap::Of(value);
  absl::StatusOr<PlatformClaims> claims = map.ok() ? ParseClaims(*map) : map.status();
  if (!claims.ok()) return Annotate(claims.status(), "platform claims");
  return claims;
}

std::string PlatformClaims::Encode() const {
  CborWriter out;
  out.Map(verification_service.has_value() ? 9 : 8);
  out.Int(kProfile).Text(profile);
  out.Int(kChallenge).Bytes(challenge);
  out.Int(kPlatformImplementationId).Bytes(implementation_id);
  out.Int(kInstanceId).Bytes(instance_id);
  out.Int(kPlatformConfig).Bytes(config);
  out.Int(kPlatformLifecycle).Int(lifecycle);
  out.Int(kPlatformSwComponents).Array(sw_components.size());
  for (const SwComponent& component : sw_components) {
    const int optional =
        component.type.has_value() + component.version.has_value() + component.hash_algorithm.has_value();
    out.Map(static_cast<size_t>(2 + optional));
    OptionalText(out, kComponentType, component.type);
    out.Int(kComponentMeasurement).Bytes(component.measurement);
    OptionalText(out, kComponentVersion, component.version);
    out.Int(kComponentSignerId).Bytes(component.signer_id);
    OptionalText(out, kComponentHashAlgorithm, component.hash_algorithm);
  }
  OptionalText(out, kPlatformVerificationService, verification_service);
  out.Int(kPlatformHashAlgorithm).Text(hash_algorithm);
  return std::move(out).str();
}

}  // namespace cc::cca
