// SPDX-License-Identifier: Apache-2.0
#include "cca/trust_anchors.h"

#include <nlohmann/json.hpp>

#include "base/status.h"
#include "base/strings.h"
#include "cca/cbor_map.h"
#include "jose/digest.h"
#include "jose/json.h"

namespace cc::cca {
namespace {

absl::StatusOr<std::string> HexMember(const nlohmann::json& entry, const std::string& key) {
  CC_ASSIGN_OR_RETURN(const std::string text, jose::StringMember(entry, key, "entry"));
  absl::StatusOr<std::string> bytes = jose::FromHex(text);
  if (!bytes.ok()) return Annotate(bytes.status(), key);
  return bytes;
}

absl::Status AddEntry(const nlohmann::json& entry, TrustAnchors& anchors) {
  if (!entry.is_object()) return absl::InvalidArgumentError("not a JSON object");
  CC_ASSIGN_OR_RETURN(const std::string instance_id, HexMember(entry, "instance-id"));
  CC_ASSIGN_OR_RETURN(const std::string implementation_id, HexMember(entry, "implementation-id"));
  const auto pkey = entry.find("pkey");
  if (pkey == entry.end()) return absl::InvalidArgumentError("'pkey' is missing");
  CC_ASSIGN_OR_RETURN(const jose::Key cpak, jose::Key::FromJwk(*pkey));
  return anchors.Add(instance_id, implementation_id, cpak);
}

absl::Status CheckKey(const jose::Key& cpak) {
  if (cpak.IsEc()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      StrCat("platform key: ", jose::KeyTypeName(cpak.type()), " is not an elliptic curve for ECDSA"));
}

}  // namespace

absl::StatusOr<TrustAnchors> TrustAnchors::FromTaStore(std::string_view text) {
  CC_ASSIGN_OR_RETURN(const nlohmann::json store, jose::ParseJson(text, "CCA trust anchors"));
  if (!store.is_array()) return absl::InvalidArgumentError("CCA trust anchors: not a JSON array");
  TrustAnchors anchors;
  for (size_t i = 0; i < store.size(); ++i) {
    CC_RETURN_IF_ERROR(Annotate(AddEntry(store[i], anchors), StrCat("CCA trust anchor ", i)));
  }
  return anchors;
}

absl::Status TrustAnchors::Add(std::string_view instance_id, std::string_view implementation_id,
                               const jose::Key& cpak) {
  CC_RETURN_IF_ERROR(Annotate(CheckSize(instance_id, {33}), "instance-id"));
  CC_RETURN_IF_ERROR(Annotate(CheckSize(implementation_id, {32}), "implementation-id"));
  if (instance_id[0] != '\x01') return absl::InvalidArgumentError("instance-id: does not start with 01");
  CC_RETURN_IF_ERROR(CheckKey(cpak));
  const bool added = platforms_.emplace(instance_id, Platform{std::string(implementation_id), cpak}).second;
  if (added) return absl::OkStatus();
  return absl::AlreadyExistsError(StrCat("instance-id ", jose::ToHex(instance_id), " has a key already"));
}

absl::Status TrustAnchors::Add(AnyPlatform, const jose::Key& cpak) {
  CC_RETURN_IF_ERROR(CheckKey(cpak));
  if (any_.has_value()) return absl::AlreadyExistsError("a key for any platform exists already");
  any_ = cpak;
  return absl::OkStatus();
}

absl::StatusOr<jose::Key> TrustAnchors::Find(std::string_view instance_id,
                                             std::string_view implementation_id) const {
  const auto found = platforms_.find(instance_id);
  if (found != platforms_.end() && found->second.implementation_id == implementation_id) {
    return found->second.cpak;
  }
  if (found == platforms_.end() && any_.has_value()) return *any_;
  return absl::NotFoundError(StrCat(
      "no platform key is registered for instance-id ", jose::ToHex(instance_id), " with implementation-id ",
      jose::ToHex(implementation_id), "; add the CPAK to the trust anchors if the platform is yours"));
}

}  // namespace cc::cca
