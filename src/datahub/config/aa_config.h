// SPDX-License-Identifier: Apache-2.0
// aa.toml, the attestation agent's configuration, with upstream's keys. Read strictly: what we do not know or
// cannot do is an error, not a surprise.
#ifndef CC_DATAHUB_CONFIG_AA_CONFIG_H_
#define CC_DATAHUB_CONFIG_AA_CONFIG_H_

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "attest/kbs/tee_key.h"
#include "datahub/config/kernel_params.h"

namespace cc::datahub {

struct AaConfig {
  struct Kbs {
    std::string url;
    std::string cert;  // PEM, may be empty
    attest::TeeKeyAlgorithm tee_key_algorithm = attest::TeeKeyAlgorithm::kEcdhEsA256KwP256;
  };
  std::optional<Kbs> kbs;    // [token_configs.kbs]
  std::string coco_as_url;   // [token_configs.coco_as]
  std::string coco_as_cert;  // PEM, may be empty; upstream passes over it
  std::string log_level = "info";
  // Ours, top level: see AllowSampleEvidence.
  bool insecure_sample_evidence = false;
};

// `source` names the text in errors. [eventlog_config] is known, but an enabled event log is Unimplemented:
// no TEE of ours can extend a measurement with it.
absl::StatusOr<AaConfig> ParseAaConfig(std::string_view toml, std::string_view source);

// Without a file, as upstream: only the key broker, from the command line.
AaConfig AaConfigFrom(const KernelParams& params);

}  // namespace cc::datahub

#endif  // CC_DATAHUB_CONFIG_AA_CONFIG_H_
