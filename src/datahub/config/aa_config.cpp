// SPDX-License-Identifier: Apache-2.0
#include "datahub/config/aa_config.h"

#include <cstdint>

#include "base/status.h"
#include "base/strings.h"
#include "base/toml.h"

namespace cc::datahub {

absl::StatusOr<AaConfig> ParseAaConfig(std::string_view toml, std::string_view source) {
  CC_ASSIGN_OR_RETURN(TomlTable root, TomlTable::Parse(toml, source));
  AaConfig config;
  AaConfig::Kbs kbs;
  std::string algorithm = attest::TeeKeyAlgorithmNames().front();
  TomlTable tokens = root.Table("token_configs");
  TomlTable kbs_table = tokens.Table("kbs");
  kbs_table.Read("url", &kbs.url);
  kbs_table.Read("cert", &kbs.cert);
  kbs_table.ReadChoice("tee_key_algorithm", &algorithm, attest::TeeKeyAlgorithmNames());
  TomlTable coco_as = tokens.Table("coco_as");
  coco_as.Read("url", &config.coco_as_url);
  coco_as.Read("cert", &config.coco_as_cert);
  TomlTable eventlog = root.Table("eventlog_config");
  uint32_t register_index = 17;
  bool enable_eventlog = false;
  eventlog.Read("init_pcr", &register_index);
  eventlog.Read("enable_eventlog", &enable_eventlog);
  root.Table("log").Read("level", &config.log_level);
  root.Read("insecure_sample_evidence", &config.insecure_sample_evidence);
  CC_RETURN_IF_ERROR(root.Finish());

  if (enable_eventlog) {
    return absl::UnimplementedError(StrCat(
        source, ": eventlog_config.enable_eventlog: no TEE here can measure an event log; set it to false"));
  }
  CC_ASSIGN_OR_RETURN(kbs.tee_key_algorithm, attest::ParseTeeKeyAlgorithm(algorithm));
  if (!kbs.url.empty()) {
    config.kbs = std::move(kbs);
  } else if (!kbs.cert.empty()) {
    return absl::InvalidArgumentError(StrCat(source, ": token_configs.kbs has a cert but no url"));
  }
  if (config.coco_as_url.empty() && !config.coco_as_cert.empty()) {
    return absl::InvalidArgumentError(StrCat(source, ": token_configs.coco_as has a cert but no url"));
  }
  return config;
}

AaConfig AaConfigFrom(const KernelParams& params) {
  AaConfig config{.insecure_sample_evidence = params.insecure_sample_evidence};
  if (params.kbc == "cc_kbc") config.kbs = AaConfig::Kbs{.url = params.kbs_url};
  return config;
}

}  // namespace cc::datahub
