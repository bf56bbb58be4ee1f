// SPDX-License-Identifier: Apache-2.0
// cdh.toml, the data hub's configuration, with upstream's keys, read strictly.
#ifndef CC_DATAHUB_CONFIG_CDH_CONFIG_H_
#define CC_DATAHUB_CONFIG_CDH_CONFIG_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "datahub/config/kernel_params.h"
#include "image/registries.h"

namespace cc::datahub {

struct Proxies {
  std::string https_proxy, http_proxy, no_proxy;
};

// [image]. A URI is kbs:///… or file:///….
struct ImageSettings {
  std::string work_dir;
  uint32_t max_concurrent_layer_downloads_per_image = 3;
  std::string sigstore_config_uri, sigstore_config;
  std::string image_security_policy_uri, image_security_policy;
  std::string authenticated_registry_credentials_uri;
  std::string registry_configuration_uri;
  image::RegistryRules registry_config;
  Proxies image_pull_proxy;
  std::vector<std::string> extra_root_certificates;  // PEM
};

struct CdhConfig {
  std::string socket = "unix:///run/confidential-containers/cdh.sock";
  std::string aa_socket = "unix:///run/confidential-containers/attestation-agent/attestation-agent.sock";
  struct Kbc {
    std::string name = "offline_fs_kbc";  // or cc_kbc
    std::string url;
    std::string kbs_cert;  // PEM, may be empty
  } kbc;
  std::vector<Credential> credentials;
  ImageSettings image;
  bool skip_sealed_secret_verification = false;
  std::string log_level = "info";
};

absl::StatusOr<CdhConfig> ParseCdhConfig(std::string_view toml, std::string_view source);

// Without a file: everything from the command line and defaults.
CdhConfig CdhConfigFrom(const KernelParams& params);

}  // namespace cc::datahub

#endif  // CC_DATAHUB_CONFIG_CDH_CONFIG_H_
