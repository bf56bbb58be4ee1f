// SPDX-License-Identifier: Apache-2.0
// Configuration of cc-datahub as a whole. In order of rising weight: defaults, the kernel command line (which
// the host's configuration makes), cdh.toml and aa.toml (which the owner's initdata brings).
#ifndef CC_DATAHUB_CONFIG_CONFIG_H_
#define CC_DATAHUB_CONFIG_CONFIG_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "attest/sealed_secret.h"
#include "base/log.h"
#include "datahub/attestation.h"
#include "datahub/config/aa_config.h"
#include "datahub/config/cdh_config.h"
#include "datahub/config/kernel_cmdline.h"
#include "datahub/image_settings.h"
#include "datahub/rest_api.h"
#include "image/puller.h"

namespace cc::datahub {

struct Config {
  std::string socket;  // paths
  std::string attestation_agent_socket;
  image::PullerOptions image;  // its `http.egress_socket`, `decrypt` and `settings` are left to the caller
  ImageSources image_sources;
  AttestationOptions attestation;  // its `egress_socket` is left to the caller
  attest::UnsealOptions unseal;
  std::vector<Credential> credentials;
  RestFeatures rest;  // none unless the command line asks for some
  log::Level log_level = log::Level::kInfo;
};

// The command line's keys are those of KernelParams, and cc.insecure_plain_http (comma-separated exact "host"
// or "host:port") and agent.guest_components_rest_api. InvalidArgument when the two files name different key
// brokers, or a value makes no sense.
absl::StatusOr<Config> MakeConfig(const KernelCmdline& cmdline, const std::optional<CdhConfig>& cdh,
                                  const std::optional<AaConfig>& aa);

// "unix:///path", which upstream's options and files use, or a plain path.
absl::StatusOr<std::string> SocketPath(std::string_view address);

}  // namespace cc::datahub

#endif  // CC_DATAHUB_CONFIG_CONFIG_H_
