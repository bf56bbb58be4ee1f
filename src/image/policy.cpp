// SPDX-License-Identifier: Apache-2.0
#include "image/policy.h"

#include <nlohmann/json.hpp>

#include "base/status.h"
#include "base/strings.h"

namespace cc::image {
namespace {

using nlohmann::json;

constexpr std::string_view kAccept = "insecureAcceptAnything";
constexpr std::string_view kReject = "reject";

absl::Status Bad(std::string_view why) {
  return absl::InvalidArgumentError(StrCat("image security policy (policy.json): ", why));
}

absl::StatusOr<std::vector<std::string>> ReadRequirements(const json& list, std::string_view where) {
  if (!list.is_array()) return Bad(StrCat(where, " is not a list of requirements"));
  std::vector<std::string> types;
  for (const json& requirement : list) {
    const auto type = requirement.is_object() ? requirement.find("type") : requirement.end();
    if (type == requirement.end() || !type->is_string())
      return Bad(StrCat(where, " has a requirement without type"));
    const std::string& name = type->get_ref<const std::string&>();
    if (name != kAccept && name != kReject && name != "signedBy" && name != "sigstoreSigned") {
      return Bad(StrCat(where, " has a requirement of unknown type '", name.substr(0, 64), "'"));
    }
    types.push_back(name);
  }
  return types;
}

}  // namespace

absl::StatusOr<ImagePolicy> ImagePolicy::Parse(std::string_view text) {
  const json root = json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  if (!root.is_object() || !root.contains("default")) return Bad("not a JSON object with a 'default'");
  ImagePolicy policy;
  policy.accept_all_ = false;
  CC_ASSIGN_OR_RETURN(policy.default_, ReadRequirements(root["default"], "default"));
  const json transports = root.value("transports", json::object());
  if (!transports.is_object()) return Bad("'transports' is not an object");
  const json docker = transports.value("docker", json::object());
  if (!docker.is_object()) return Bad("'transports.docker' is not an object");
  for (const auto& [scope, list] : docker.items()) {
    CC_ASSIGN_OR_RETURN(policy.scopes_[scope], ReadRequirements(list, StrCat("transports.docker.", scope)));
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

absl::Status ImagePolicy::Check(const Reference& image) const {
  if (accept_all_) return absl::OkStatus();
  std::string scope;
  for (const std::string& type : Find(image, &scope)) {
    if (type == kAccept) continue;
    if (type == kReject) {
      return absl::PermissionDeniedError(
          StrCat("image ", image.ToString(), ": the guest's image policy rejects it (", scope, ")"));
    }
    return absl::PermissionDeniedError(
        StrCat("image ", image.ToString(), ": the guest's image policy wants a '", type, "' signature (",
               scope, "), which this guest cannot check; the image was not pulled"));
  }
  return absl::OkStatus();
}

}  // namespace cc::image
