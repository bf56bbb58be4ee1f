// SPDX-License-Identifier: Apache-2.0
// Configuration of cc-datahub. In order of rising weight: defaults, the TOML file, the kernel command line.
#ifndef CC_DATAHUB_CONFIG_H_
#define CC_DATAHUB_CONFIG_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "datahub/attestation.h"
#include "datahub/kernel_cmdline.h"
#include "datahub/rest_api.h"
#include "image/puller.h"

namespace cc::datahub {

struct Config {
  std::string socket;
  std::string attestation_agent_socket;
  image::PullerOptions image;      // its `http.egress_socket` is left to the caller
  AttestationOptions attestation;  // and so is this one's
  RestFeatures rest;               // none unless the command line asks for some
};

Config DefaultConfig();

// [image] store, bundle_root, parallel_layers, auth_file, extra_root_certificates (files),
// insecure_plain_http (exact "host" or "host:port"), https_proxy, http_proxy, no_proxy. Reads the files
// named. [attestation] kbs_url, kbs_roots (file), tee_key_algorithm, insecure_sample_evidence.
absl::Status ApplyToml(std::string_view text, std::string_view source_name, Config* config);

// cc.insecure_plain_http (comma-separated), agent.https_proxy, agent.http_proxy, agent.no_proxy,
// agent.aa_kbc_params, agent.insecure_sample_evidence, agent.guest_components_rest_api.
absl::Status ApplyCmdline(const KernelCmdline& cmdline, Config* config);

}  // namespace cc::datahub

#endif  // CC_DATAHUB_CONFIG_H_
