// SPDX-License-Identifier: Apache-2.0
#include "datahub/config/config.h"

#include "agent_proto/names.h"
#include "base/status.h"
#include "base/strings.h"
#include "datahub/config/kernel_params.h"

namespace cc::datahub {
namespace {

absl::Status AddPlainHttpHosts(std::string_view list, image::HttpOptions* http) {
  for (const std::string_view host : StrSplit(list, ',')) {
    if (host.empty()) continue;
    if (host.find_first_of("/@*? \t") != std::string_view::npos) {
      return absl::InvalidArgumentError(StrCat("kernel command line: cc.insecure_plain_http: '", host,
                                               "' is not an exact registry host such as 10.0.0.1:5000"));
    }
    http->plain_http_hosts.insert(ToLower(host));
  }
  return absl::OkStatus();
}

absl::Status ApplyAa(const AaConfig& aa, Config* config) {
  if (aa.insecure_sample_evidence) config->attestation.insecure_sample_evidence = true;
  config->attestation.as_url = aa.coco_as_url;
  config->attestation.as_roots = aa.coco_as_cert;
  if (!aa.kbs.has_value()) return absl::OkStatus();
  config->attestation.kbs_url = aa.kbs->url;
  config->attestation.kbs_roots = aa.kbs->cert;
  config->attestation.tee_key_algorithm = aa.kbs->tee_key_algorithm;
  return absl::OkStatus();
}

bool SameUrl(std::string_view a, std::string_view b) {
  while (a.ends_with('/')) a.remove_suffix(1);
  while (b.ends_with('/')) b.remove_suffix(1);
  return a == b;
}

absl::Status ApplyKbc(const CdhConfig::Kbc& kbc, bool aa_names_broker, Config* config) {
  AttestationOptions& attestation = config->attestation;
  attestation.offline_resources = kbc.name == "offline_fs_kbc";
  if (kbc.url.empty() || attestation.offline_resources) return absl::OkStatus();
  if (aa_names_broker && !SameUrl(attestation.kbs_url, kbc.url)) {
    return absl::InvalidArgumentError(StrCat("aa.toml names the key broker ", attestation.kbs_url,
                                             ", cdh.toml names ", kbc.url, "; they must be the same"));
  }
  attestation.kbs_url = kbc.url;
  if (!kbc.kbs_cert.empty()) attestation.kbs_roots = kbc.kbs_cert;
  return absl::OkStatus();
}

void ApplyImage(const ImageSettings& image, Config* config) {
  if (!image.work_dir.empty()) config->image.store = image.work_dir;
  config->image.parallel_layers = static_cast<int>(image.max_concurrent_layer_downloads_per_image);
  config->image.http.https_proxy = image.image_pull_proxy.https_proxy;
  config->image.http.http_proxy = image.image_pull_proxy.http_proxy;
  config->image.http.no_proxy = image.image_pull_proxy.no_proxy;
  for (const std::string& pem : image.extra_root_certificates) {
    StrAppend(&config->image.http.extra_roots_pem, pem, "\n");
  }
  config->image_sources = {.credentials_uri = image.authenticated_registry_credentials_uri,
                           .registries_uri = image.registry_configuration_uri,
                           .policy_uri = image.image_security_policy_uri,
                           .registries = image.registry_config,
                           .policy = image.image_security_policy};
}

// Upstream's names; its finest two levels are one here.
absl::StatusOr<log::Level> ParseLogLevel(std::string_view name) {
  if (name == "trace" || name == "debug") return log::Level::kDebug;
  if (name == "info") return log::Level::kInfo;
  if (name == "warn") return log::Level::kWarning;
  if (name == "error") return log::Level::kError;
  return absl::InvalidArgumentError(
      StrCat("log.level '", name.substr(0, 32), "' is none of trace, debug, info, warn, error"));
}

// What the file leaves open, the command line says.
CdhConfig Merge(const CdhConfig& file, const CdhConfig& cmdline) {
  CdhConfig result = file;
  const auto fill = [](std::string& value, const std::string& from) {
    if (value.empty()) value = from;
  };
  ImageSettings& image = result.image;
  fill(image.authenticated_registry_credentials_uri, cmdline.image.authenticated_registry_credentials_uri);
  if (image.image_security_policy.empty()) {
    fill(image.image_security_policy_uri, cmdline.image.image_security_policy_uri);
  }
  fill(image.image_pull_proxy.https_proxy, cmdline.image.image_pull_proxy.https_proxy);
  fill(image.image_pull_proxy.http_proxy, cmdline.image.image_pull_proxy.http_proxy);
  fill(image.image_pull_proxy.no_proxy, cmdline.image.image_pull_proxy.no_proxy);
  result.credentials.insert(result.credentials.end(), cmdline.credentials.begin(), cmdline.credentials.end());
  return result;
}

}  // namespace

absl::StatusOr<std::string> SocketPath(std::string_view address) {
  constexpr std::string_view kScheme = "unix://";
  const std::string_view path = address.starts_with(kScheme) ? address.substr(kScheme.size()) : address;
  if (path.starts_with('/')) return std::string(path);
  return absl::InvalidArgumentError(StrCat("socket address '", address, "': want unix:///path"));
}

absl::StatusOr<Config> MakeConfig(const KernelCmdline& cmdline, const std::optional<CdhConfig>& cdh_file,
                                  const std::optional<AaConfig>& aa_file) {
  CC_ASSIGN_OR_RETURN(const KernelParams params,
                      ReadKernelParams([&cmdline](const std::string& key) { return cmdline.Find(key); }));
  const CdhConfig from_cmdline = CdhConfigFrom(params);
  const CdhConfig cdh = cdh_file.has_value() ? Merge(*cdh_file, from_cmdline) : from_cmdline;

  Config config;
  CC_ASSIGN_OR_RETURN(config.socket, SocketPath(cdh.socket));
  CC_ASSIGN_OR_RETURN(config.attestation_agent_socket, SocketPath(cdh.aa_socket));
  config.image.bundle_root = agent_proto::kContainerBase;
  ApplyImage(cdh.image, &config);
  CC_RETURN_IF_ERROR(
      AddPlainHttpHosts(cmdline.Find("cc.insecure_plain_http").value_or(""), &config.image.http));

  CC_RETURN_IF_ERROR(ApplyAa(AaConfigFrom(params), &config));
  if (aa_file.has_value()) CC_RETURN_IF_ERROR(ApplyAa(*aa_file, &config));
  // Without a file and without a broker nothing says where resources come from.
  if (cdh_file.has_value() || !params.kbc.empty()) {
    CC_RETURN_IF_ERROR(ApplyKbc(cdh.kbc, aa_file.has_value() && aa_file->kbs.has_value(), &config));
  }
  if (cdh.skip_sealed_secret_verification) config.unseal.unverified = attest::AllowUnverifiedSecret{};
  config.credentials = cdh.credentials;
  CC_ASSIGN_OR_RETURN(
      config.log_level,
      ParseLogLevel(aa_file.has_value() && !cdh_file.has_value() ? aa_file->log_level : cdh.log_level));
  if (const auto features = cmdline.Find("agent.guest_components_rest_api")) {
    const absl::StatusOr<RestFeatures> parsed = ParseRestFeatures(*features);
    if (!parsed.ok()) {
      return Annotate(parsed.status(), "kernel command line: agent.guest_components_rest_api");
    }
    config.rest = *parsed;
  }
  return config;
}

}  // namespace cc::datahub
