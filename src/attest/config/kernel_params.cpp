// SPDX-License-Identifier: Apache-2.0
#include "attest/config/kernel_params.h"

#include <algorithm>
#include <map>

#include "base/status.h"
#include "base/strings.h"

namespace cc::attest {
namespace {

using Params = std::map<std::string_view, std::string_view>;

constexpr std::string_view kKeys[] = {
    "agent.aa_kbc_params",
    "agent.https_proxy",
    "agent.http_proxy",
    "agent.no_proxy",
    "agent.image_registry_auth",
    "agent.image_policy_file",
    "agent.enable_signature_verification",
    "agent.insecure_sample_evidence",
    "cdh.kbs_resources",
};

absl::Status Bad(std::string_view key, std::string_view why) {
  return absl::InvalidArgumentError(StrCat("kernel command line: ", key, " ", why));
}

absl::StatusOr<Params> Collect(std::string_view command_line) {
  Params params;
  while (!(command_line = StrTrim(command_line)).empty()) {
    const std::string_view word = command_line.substr(0, command_line.find_first_of(" \t\r\n"));
    command_line.remove_prefix(word.size());
    const SplitPair pair = SplitOnce(word, '=');
    if (std::find(std::begin(kKeys), std::end(kKeys), pair.first) == std::end(kKeys)) continue;
    if (!params.emplace(pair.first, pair.second).second) return Bad(pair.first, "is given twice");
  }
  return params;
}

std::string Value(const Params& params, std::string_view key) {
  const auto found = params.find(key);
  return found == params.end() ? std::string() : std::string(found->second);
}

absl::StatusOr<bool> Flag(const Params& params, std::string_view key) {
  const std::string value = Value(params, key);
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
    const absl::StatusOr<ResourceUri> uri = ResourceUri::Parse(entry.substr(0, at));
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

absl::StatusOr<KernelParams> ParseKernelParams(std::string_view command_line) {
  CC_ASSIGN_OR_RETURN(const Params params, Collect(command_line));
  KernelParams result{.https_proxy = Value(params, "agent.https_proxy"),
                      .http_proxy = Value(params, "agent.http_proxy"),
                      .no_proxy = Value(params, "agent.no_proxy"),
                      .image_registry_auth = Value(params, "agent.image_registry_auth")};
  if (const std::string kbc = Value(params, "agent.aa_kbc_params"); !kbc.empty()) {
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
  CC_ASSIGN_OR_RETURN(const bool verify, Flag(params, "agent.enable_signature_verification"));
  if (verify) result.image_policy_file = Value(params, "agent.image_policy_file");
  CC_ASSIGN_OR_RETURN(result.insecure_sample_evidence, Flag(params, "agent.insecure_sample_evidence"));
  CC_RETURN_IF_ERROR(ReadCredentials(Value(params, "cdh.kbs_resources"), &result.credentials));
  return result;
}

}  // namespace cc::attest
