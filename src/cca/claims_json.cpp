// SPDX-License-Identifier: Apache-2.0
#include "cca/claims_json.h"

#include <nlohmann/json.hpp>

#include "cca/lifecycle.h"
#include "jose/base64.h"
#include "jose/digest.h"

namespace cc::cca {
namespace {

using jose::Base64Encode;
using nlohmann::json;

void PutOptional(json& object, const char* name, const std::optional<std::string>& text) {
  if (text.has_value()) object[name] = *text;
}

json RealmJson(const RealmClaims& realm) {
  json object = {
      {"cca-realm-challenge", Base64Encode(realm.challenge)},
      {"cca-realm-personalization-value", Base64Encode(realm.rpv)},
      {"cca-realm-hash-algo-id", realm.hash_algorithm},
      {"cca-realm-initial-measurement", Base64Encode(realm.rim)},
      {"cca-realm-extensible-measurements", json::array()},
      {"cca-realm-public-key", Base64Encode(realm.public_key)},
      {"cca-realm-public-key-hash-algo-id", realm.public_key_hash_algorithm},
  };
  for (const std::string& rem : realm.rems) {
    object["cca-realm-extensible-measurements"].push_back(Base64Encode(rem));
  }
  PutOptional(object, "cca-realm-profile", realm.profile);
  if (realm.instance_id.has_value()) object["cca-realm-instance-id"] = Base64Encode(*realm.instance_id);
  if (realm.mec_policy.has_value()) object["cca-realm-mec-policy"] = *realm.mec_policy;
  return object;
}

json ComponentJson(const SwComponent& component) {
  json object = {{"measurement-value", Base64Encode(component.measurement)},
                 {"signer-id", Base64Encode(component.signer_id)}};
  PutOptional(object, "component-type", component.type);
  PutOptional(object, "version", component.version);
  PutOptional(object, "hash-algo-id", component.hash_algorithm);
  return object;
}

json PlatformJson(const PlatformClaims& platform) {
  json object = {
      {"cca-platform-profile", platform.profile},
      {"cca-platform-challenge", Base64Encode(platform.challenge)},
      {"cca-platform-implementation-id", Base64Encode(platform.implementation_id)},
      {"cca-platform-instance-id", Base64Encode(platform.instance_id)},
      {"cca-platform-config", Base64Encode(platform.config)},
      {"cca-platform-lifecycle", platform.lifecycle},
      {"cca-platform-lifecycle-state", LifecycleName(LifecycleOf(platform.lifecycle))},
      {"cca-platform-sw-components", json::array()},
      {"cca-platform-hash-algo-id", platform.hash_algorithm},
  };
  for (const SwComponent& component : platform.sw_components) {
    object["cca-platform-sw-components"].push_back(ComponentJson(component));
  }
  PutOptional(object, "cca-platform-verification-service", platform.verification_service);
  return object;
}

}  // namespace

json ClaimsJson(const CcaClaims& claims) {
  return {{"realm", RealmJson(claims.realm)},
          {"platform", PlatformJson(claims.platform)},
          {"init_data", jose::ToHex(claims.realm.rpv)},
          {"report_data", jose::ToHex(claims.realm.challenge)}};
}

}  // namespace cc::cca
