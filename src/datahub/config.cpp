// SPDX-License-Identifier: Apache-2.0
#include "datahub/config.h"

#include <vector>

#include "agent_proto/names.h"
#include "attest/config/kernel_params.h"
#include "base/file.h"
#include "base/status.h"
#include "base/strings.h"
#include "base/toml.h"

namespace cc::datahub {
namespace {

absl::Status AddPlainHttpHost(std::string_view host, Config* config) {
  if (host.empty()) return absl::OkStatus();
  if (host.find_first_of("/@*? \t") != std::string_view::npos) {
    return absl::InvalidArgumentError(
        StrCat("insecure_plain_http: '", host, "' is not an exact registry host such as 10.0.0.1:5000"));
  }
  config->image.http.plain_http_hosts.insert(ToLower(host));
  return absl::OkStatus();
}

absl::Status ReadAttestation(TomlTable table, AttestationOptions* options, std::string* roots_path) {
  std::string algorithm = attest::TeeKeyAlgorithmNames().front();
  table.Read("kbs_url", &options->kbs_url);
  table.Read("kbs_roots", roots_path);
  table.ReadChoice("tee_key_algorithm", &algorithm, attest::TeeKeyAlgorithmNames());
  table.Read("insecure_sample_evidence", &options->insecure_sample_evidence);
  CC_ASSIGN_OR_RETURN(options->tee_key_algorithm, attest::ParseTeeKeyAlgorithm(algorithm));
  return absl::OkStatus();
}

}  // namespace

Config DefaultConfig() {
  Config config;
  config.socket = agent_proto::kDataHubSocket;
  config.attestation_agent_socket = agent_proto::kAttestationAgentSocket;
  config.image.bundle_root = agent_proto::kContainerBase;
  config.image.store = StrCat(agent_proto::kContainerBase, "/image");
  return config;
}

absl::Status ApplyToml(std::string_view text, std::string_view source_name, Config* config) {
  CC_ASSIGN_OR_RETURN(TomlTable root, TomlTable::Parse(text, source_name));
  root.Read("socket", &config->socket);
  root.Read("attestation_agent_socket", &config->attestation_agent_socket);
  TomlTable image = root.Table("image");
  image.Read("store", &config->image.store);
  image.Read("bundle_root", &config->image.bundle_root);
  uint32_t parallel = static_cast<uint32_t>(config->image.parallel_layers);
  image.Read("parallel_layers", &parallel);
  std::string auth_file;
  image.Read("auth_file", &auth_file);
  std::vector<std::string> roots, plain_hosts;
  image.Read("extra_root_certificates", &roots);
  image.Read("insecure_plain_http", &plain_hosts);
  image.Read("https_proxy", &config->image.http.https_proxy);
  image.Read("http_proxy", &config->image.http.http_proxy);
  image.Read("no_proxy", &config->image.http.no_proxy);
  std::string kbs_roots;
  CC_RETURN_IF_ERROR(ReadAttestation(root.Table("attestation"), &config->attestation, &kbs_roots));
  CC_RETURN_IF_ERROR(root.Finish());

  if (!kbs_roots.empty()) {
    CC_ASSIGN_OR_RETURN(config->attestation.kbs_roots, ReadFile(kbs_roots, 1 << 20));
  }
  if (parallel < 1 || parallel > 16) {
    return absl::InvalidArgumentError(StrCat(source_name, ": image.parallel_layers must be 1 to 16"));
  }
  config->image.parallel_layers = static_cast<int>(parallel);
  for (const std::string& path : roots) {
    CC_ASSIGN_OR_RETURN(const std::string pem, ReadFile(path, 1 << 20));
    StrAppend(&config->image.http.extra_roots_pem, pem, "\n");
  }
  for (const std::string& host : plain_hosts) CC_RETURN_IF_ERROR(AddPlainHttpHost(host, config));
  if (!auth_file.empty()) {
    CC_ASSIGN_OR_RETURN(const std::string json, ReadFile(auth_file, 1 << 20));
    CC_ASSIGN_OR_RETURN(config->image.credentials, image::AuthFile::Parse(json));
  }
  return absl::OkStatus();
}

absl::Status ApplyCmdline(const KernelCmdline& cmdline, Config* config) {
  if (const auto hosts = cmdline.Find("cc.insecure_plain_http")) {
    for (std::string_view host : StrSplit(*hosts, ',')) CC_RETURN_IF_ERROR(AddPlainHttpHost(host, config));
  }
  image::HttpOptions& http = config->image.http;
  http.https_proxy = cmdline.Find("agent.https_proxy").value_or(http.https_proxy);
  http.http_proxy = cmdline.Find("agent.http_proxy").value_or(http.http_proxy);
  http.no_proxy = cmdline.Find("agent.no_proxy").value_or(http.no_proxy);

  CC_ASSIGN_OR_RETURN(
      const attest::KernelParams params,
      attest::ReadKernelParams([&cmdline](const std::string& key) { return cmdline.Find(key); }));
  AttestationOptions& attestation = config->attestation;
  if (params.kbc == "cc_kbc") attestation.kbs_url = params.kbs_url;
  if (params.kbc == "offline_fs_kbc") attestation.offline_resources = true;
  if (params.insecure_sample_evidence) attestation.insecure_sample_evidence = true;
  if (const auto features = cmdline.Find("agent.guest_components_rest_api")) {
    const absl::StatusOr<RestFeatures> parsed = ParseRestFeatures(*features);
    if (!parsed.ok()) {
      return Annotate(parsed.status(), "kernel command line: agent.guest_components_rest_api");
    }
    config->rest = *parsed;
  }
  return absl::OkStatus();
}

}  // namespace cc::datahub
