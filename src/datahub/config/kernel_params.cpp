// SPDX-License-Identifier: Apache-2.0
#include "datahub/config/kernel_params.h"

#include "base/status.h"
#include "base/strings.h"

namespace cc::datahub {
namespace {

absl::Status Bad(std::string_view key, std::string_view why) {
  return absl::InvalidArgumentError(StrCat("kernel command line: ", key, " ", why));
}

absl::StatusOr<bool> Flag(const FindParam& find, const std::string& key) {
  const std::string value = find(key).value_or("");
  if (value.empty() || value == "false") return false;
  if (value == "true") return true;
  return Bad(key, "must be true or false");
}

absl::Status ReadCredentials(std::string_view value, std::vector<Credential>* credentials) {
  constexpr std::string_view kKey = "cdh.kbs_resources";
  for (const std::string_view entry : StrSplit(value, ',')) {
    if (entry.empty()) continue;
    const size_t at = entry.find("::");
    if (at == std::string_view::npos) return Bad(kKey, "must be <resource URI>::<path>,…");
    const absl::StatusOr<attest::ResourceUri> uri = attest::ResourceUri::Parse(entry.substr(0, at));
    if (!uri.ok()) return Annotate(uri.status(), StrCat("kernel command line: ", kKey));
    const std::string_view path = entry.substr(at + 2);
    CC_RETURN_IF_ERROR(Annotate(CheckCredentialPath(path), StrCat("kernel command line: ", kKey)));
    credentials->push_back({.resource = *uri, .path = std::string(path)});
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckCredentialPath(std::string_view path) {
  const bool beneath =
      path.starts_with(kCredentialRoot) && path.substr(kCredentialRoot.size()).starts_with('/');
  bool plain = beneath;
  for (const std::string_view name : StrSplit(path.substr(beneath ? kCredentialRoot.size() + 1 : 0), '/')) {
    plain =
        plain && !name.empty() && name != "." && name != ".." && name.find('\0') == std::string_view::npos;
  }
  if (plain) return absl::OkStatus();
  return absl::InvalidArgumentError(StrCat("path '", path, "' must be beneath ", kCredentialRoot));
}

absl::StatusOr<KernelParams> ReadKernelParams(const FindParam& find) {
  const auto value = [&find](const char* key) { return find(key).value_or(""); };
  KernelParams result{.https_proxy = value("agent.https_proxy"),
                      .http_proxy = value("agent.http_proxy"),
                      .no_proxy = value("agent.no_proxy"),
                      .image_registry_auth = value("agent.image_registry_auth")};
  if (const std::string kbc = value("agent.aa_kbc_params"); !kbc.empty()) {
    const size_t at = kbc.find("::");
    if (at == std::string::npos || at == 0 || kbc.find("::", at + 2) != std::string::npos) {
      return Bad("agent.aa_kbc_params", "must be <kbc>::<URL>, e.g. cc_kbc::https://kbs:8080");
    }
    result.kbc = kbc.substr(0, at);
    result.kbs_url = kbc.substr(at + 2);
    if (result.kbc != "cc_kbc" && result.kbc != "offline_fs_kbc") {
      return Bad("agent.aa_kbc_params",
                 StrCat("names the KBC '", result.kbc, "'; known are cc_kbc and offline_fs_kbc"));
    }
  }
  CC_ASSIGN_OR_RETURN(const bool verify, Flag(find, "agent.enable_signature_verification"));
  if (verify) result.image_policy_file = value("agent.image_policy_file");
  CC_ASSIGN_OR_RETURN(result.insecure_sample_evidence, Flag(find, "agent.insecure_sample_evidence"));
  CC_RETURN_IF_ERROR(ReadCredentials(value("cdh.kbs_resources"), &result.credentials));
  return result;
}

}  // namespace cc::datahub
