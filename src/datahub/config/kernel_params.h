// SPDX-License-Identifier: Apache-2.0
// What the guest's kernel command line says about attestation and images, with upstream's keys. The command
// line is measured.
#ifndef CC_DATAHUB_CONFIG_KERNEL_PARAMS_H_
#define CC_DATAHUB_CONFIG_KERNEL_PARAMS_H_

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "attest/resource_uri.h"

namespace cc::datahub {

// A resource that is fetched at start and put into a file.
struct Credential {
  attest::ResourceUri resource;
  std::string path;  // beneath kCredentialRoot, with no ".." in it
};
inline constexpr std::string_view kCredentialRoot = "/run/confidential-containers/cdh/kbs";

// InvalidArgument, naming the path, unless it is beneath kCredentialRoot.
absl::Status CheckCredentialPath(std::string_view path);

struct KernelParams {
  std::string kbc, kbs_url;                       // agent.aa_kbc_params=<kbc>::<url>
  std::string https_proxy, http_proxy, no_proxy;  // agent.{https,http,no}_proxy: for image pulls
  std::string image_registry_auth;                // agent.image_registry_auth
  std::string image_policy_file;                  // agent.image_policy_file, where verification is enabled
  std::vector<Credential> credentials;            // cdh.kbs_resources=<uri>::<path>,…
  // agent.insecure_sample_evidence=true (ours): without a TEE, attest with evidence that proves nothing.
  bool insecure_sample_evidence = false;
};

// The value of a key of the command line, if it is there; whoever reads the command line gives it.
using FindParam = std::function<std::optional<std::string>(const std::string& key)>;

// InvalidArgument for a key of ours whose value is malformed.
absl::StatusOr<KernelParams> ReadKernelParams(const FindParam& find);

}  // namespace cc::datahub

#endif  // CC_DATAHUB_CONFIG_KERNEL_PARAMS_H_
