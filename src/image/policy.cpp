// SPDX-License-Identifier: Apache-2.0
#include "image/policy.h"

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>

#include "base/status.h"
#include "base/strings.h"
#include "jose/base64.h"

namespace cc::image {
namespace {

using nlohmann::json;

constexpr std::string_view kAccept = "insecureAcceptAnything";
constexpr std::string_view kReject = "reject";
constexpr std::string_view kSigstore = "sigstoreSigned";

absl::Status Bad(std::string_view why) {
  return absl::InvalidArgumentError(StrCat("image security policy (policy.json): ", why));
}

absl::StatusOr<jose::Key> ParseKey(const std::string& pem, std::string_view where) {
  absl::StatusOr<jose::Key> key = jose::Key::FromPem(pem);
  if (!key.ok()) return Bad(StrCat(where, " is no public key in PEM: ", MessageOf(key.status())));
  return key;
}

// Strings of `one` (a string) or `many` (a list of them).
absl::StatusOr<std::vector<std::string>> ReadStrings(const json& object, const char* one, const char* many,
                                                     std::string_view where) {
  std::vector<std::string> values;
  for (const char* key : {one, many}) {
    const auto found = object.find(key);
    if (found == object.end()) continue;
    const json list = key == one ? json::array({*found}) : *found;
    if (!list.is_array()) return Bad(StrCat(where, ": ", key, " is not a list"));
    for (const json& value : list) {
      if (!value.is_string()) return Bad(StrCat(where, ": ", key, " holds something that is no string"));
      values.push_back(value.get<std::string>());
    }
  }
  return values;
}

absl::StatusOr<SigstoreRequirement> ReadSigstore(const json& object, const std::string& where,
                                                 const ImagePolicy::ReadKey& read_key) {
  constexpr std::string_view kKnown[] = {"type",    "keyPath",  "keyPaths",
                                         "keyData", "keyDatas", "signedIdentity"};
  for (const auto& [name, value] : object.items()) {
    if (std::find(std::begin(kKnown), std::end(kKnown), name) == std::end(kKnown)) {
      return Bad(StrCat(where, ": '", name.substr(0, 64),
                        "' of sigstoreSigned cannot be checked here; a key (",
                        "keyPath or keyData) and signedIdentity can"));
    }
  }
  SigstoreRequirement requirement{.scope = where};
  CC_ASSIGN_OR_RETURN(const std::vector<std::string> paths,
                      ReadStrings(object, "keyPath", "keyPaths", where));
  CC_ASSIGN_OR_RETURN(const std::vector<std::string> datas,
                      ReadStrings(object, "keyData", "keyDatas", where));
  for (const std::string& path : paths) {
    const absl::StatusOr<std::string> pem = read_key(path);
    if (!pem.ok())
      return Annotate(pem.status(), StrCat("image security policy: ", where, ": keyPath ", path));
    CC_ASSIGN_OR_RETURN(jose::Key key, ParseKey(*pem, StrCat(where, ": keyPath ", path)));
    requirement.keys.push_back(std::move(key));
  }
  for (const std::string& data : datas) {
    // Base64 by the specification; upstream's guest components take the PEM text as it is.
    const absl::StatusOr<std::string> pem =
        data.starts_with("-----BEGIN") ? absl::StatusOr<std::string>(data) : jose::Base64Decode(data);
    if (!pem.ok()) return Bad(StrCat(where, ": keyData is not base64"));
    CC_ASSIGN_OR_RETURN(jose::Key key, ParseKey(*pem, StrCat(where, ": keyData")));
    requirement.keys.push_back(std::move(key));
  }
  if (requirement.keys.empty()) return Bad(StrCat(where, ": sigstoreSigned needs a keyPath or a keyData"));
  if (const auto identity = object.find("signedIdentity"); identity != object.end()) {
    absl::StatusOr<SignedIdentity> parsed =
        SignedIdentity::Parse(*identity, StrCat(where, ": signedIdentity"));
    if (!parsed.ok()) return Bad(MessageOf(parsed.status()));
    requirement.identity = *std::move(parsed);
  }
  return requirement;
}

}  // namespace

absl::StatusOr<ImagePolicy::Requirements> ImagePolicy::ReadRequirements(const json& list,
                                                                        const std::string& scope,
                                                                        const ReadKey& read_key) {
  if (!list.is_array()) return Bad(StrCat(scope, " is not a list of requirements"));
  // containers-policy.json(5): without a requirement nothing is accepted, and nobody means that.
  if (list.empty()) {
    return Bad(StrCat(scope, " is an empty list; it needs a requirement, such as insecureAcceptAnything"));
  }
  Requirements requirements;
  for (const json& entry : list) {
    const auto type = entry.is_object() ? entry.find("type") : entry.end();
    if (type == entry.end() || !type->is_string())
      return Bad(StrCat(scope, " has a requirement without type"));
    Requirement requirement{.type = type->get<std::string>()};
    if (requirement.type == kSigstore) {
      CC_ASSIGN_OR_RETURN(requirement.signature, ReadSigstore(entry, scope, read_key));
    } else if (requirement.type != kAccept && requirement.type != kReject && requirement.type != "signedBy") {
      return Bad(StrCat(scope, " has a requirement of unknown type '", requirement.type.substr(0, 64), "'"));
    }
    requirements.push_back(std::move(requirement));
  }
  return requirements;
}

absl::StatusOr<ImagePolicy> ImagePolicy::Parse(std::string_view text, const ReadKey& read_key) {
  const json root = json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  if (!root.is_object() || !root.contains("default")) return Bad("not a JSON object with a 'default'");
  ImagePolicy policy;
  policy.accept_all_ = false;
  CC_ASSIGN_OR_RETURN(policy.default_, ReadRequirements(root["default"], "default", read_key));
  const json transports = root.value("transports", json::object());
  if (!transports.is_object()) return Bad("'transports' is not an object");
  const json docker = transports.value("docker", json::object());
  if (!docker.is_object()) return Bad("'transports.docker' is not an object");
  for (const auto& [scope, list] : docker.items()) {
    CC_ASSIGN_OR_RETURN(policy.scopes_[scope],
                        ReadRequirements(list, StrCat("transports.docker.\"", scope, "\""), read_key));
  }
  return policy;
}

const ImagePolicy::Requirements& ImagePolicy::Find(const Reference& image, std::string* scope) const {
  std::vector<std::string> candidates{image.ToString()};
  if (image.digest && !image.tag.empty())
    candidates.push_back(StrCat(image.Name(), "@", image.digest->ToString()));
  std::string name = image.Name();
  candidates.push_back(name);
  for (size_t slash = name.rfind('/'); slash != std::string::npos; slash = name.rfind('/')) {
    name.resize(slash);
    candidates.push_back(name);
  }
  for (size_t dot = name.find('.'); dot != std::string::npos; dot = name.find('.', dot + 1)) {
    candidates.push_back("*" + name.substr(dot));
  }
  candidates.emplace_back();
  for (std::string& candidate : candidates) {
    if (const auto found = scopes_.find(candidate); found != scopes_.end()) {
      *scope = StrCat("transports.docker.\"", candidate, "\"");
      return found->second;
    }
  }
  *scope = "default";
  return default_;
}

absl::StatusOr<std::vector<SigstoreRequirement>> ImagePolicy::Judge(const Reference& image) const {
  std::vector<SigstoreRequirement> signatures;
  if (accept_all_) return signatures;
  std::string scope;
  for (const Requirement& requirement : Find(image, &scope)) {
    if (requirement.type == kAccept) continue;
    if (requirement.type == kReject) {
      return absl::PermissionDeniedError(
          StrCat("image ", image.ToString(), ": the guest's image policy rejects it (", scope, ")"));
    }
    if (requirement.type != kSigstore) {
      return absl::PermissionDeniedError(
          StrCat("image ", image.ToString(), ": the guest's image policy wants a '", requirement.type,
                 "' signature (", scope, "), which this guest cannot check; it can check 'sigstoreSigned'"));
    }
    signatures.push_back(requirement.signature);
  }
  return signatures;
}

}  // namespace cc::image
