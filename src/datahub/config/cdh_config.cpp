// SPDX-License-Identifier: Apache-2.0
#include "datahub/config/cdh_config.h"

#include "base/status.h"
#include "base/strings.h"
#include "base/toml.h"
#include "datahub/config/registries_conf.h"

namespace cc::datahub {
namespace {

constexpr uint32_t kMaxParallelLayers = 16;

void ReadImage(TomlTable table, ImageSettings* image) {
  table.Read("work_dir", &image->work_dir);
  table.Read("max_concurrent_layer_downloads_per_image", &image->max_concurrent_layer_downloads_per_image);
  table.Read("sigstore_config_uri", &image->sigstore_config_uri);
  table.Read("sigstore_config", &image->sigstore_config);
  table.Read("image_security_policy_uri", &image->image_security_policy_uri);
  table.Read("image_security_policy", &image->image_security_policy);
  table.Read("authenticated_registry_credentials_uri", &image->authenticated_registry_credentials_uri);
  table.Read("registry_configuration_uri", &image->registry_configuration_uri);
  table.Read("extra_root_certificates", &image->extra_root_certificates);
  ReadRegistries(table.Table("registry_config"), &image->registry_config);
  TomlTable proxy = table.Table("image_pull_proxy");
  proxy.Read("https_proxy", &image->image_pull_proxy.https_proxy);
  proxy.Read("http_proxy", &image->image_pull_proxy.http_proxy);
  proxy.Read("no_proxy", &image->image_pull_proxy.no_proxy);
}

absl::Status CheckUris(const ImageSettings& image, std::string_view source) {
  const std::pair<std::string_view, const std::string&> kUris[] = {
      {"sigstore_config_uri", image.sigstore_config_uri},
      {"image_security_policy_uri", image.image_security_policy_uri},
      {"authenticated_registry_credentials_uri", image.authenticated_registry_credentials_uri},
      {"registry_configuration_uri", image.registry_configuration_uri},
  };
  for (const auto& [key, uri] : kUris) {
    if (uri.empty() || uri.starts_with("file:///")) continue;
    CC_RETURN_IF_ERROR(Annotate(attest::ResourceUri::Parse(uri).status(), StrCat(source, ": image.", key)));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<CdhConfig> ParseCdhConfig(std::string_view toml, std::string_view source) {
  CC_ASSIGN_OR_RETURN(TomlTable root, TomlTable::Parse(toml, source));
  CdhConfig config;
  config.kbc.name.clear();
  root.Read("socket", &config.socket);
  root.Table("aa").Read("aa_socket", &config.aa_socket);
  TomlTable kbc = root.Table("kbc");
  kbc.Read("name", &config.kbc.name);
  kbc.Read("url", &config.kbc.url);
  kbc.Read("kbs_cert", &config.kbc.kbs_cert);
  std::vector<std::pair<std::string, std::string>> credentials;
  for (TomlTable& entry : root.Tables("credentials")) {
    auto& [uri, path] = credentials.emplace_back();
    entry.Read("resource_uri", &uri);
    entry.Read("path", &path);
  }
  ReadImage(root.Table("image"), &config.image);
  root.Read("skip_sealed_secret_verification", &config.skip_sealed_secret_verification);
  root.Table("log").Read("level", &config.log_level);
  CC_RETURN_IF_ERROR(root.Finish());

  if (config.kbc.name != "cc_kbc" && config.kbc.name != "offline_fs_kbc") {
    return absl::InvalidArgumentError(StrCat(source, ": kbc.name must be \"cc_kbc\" or \"offline_fs_kbc\""));
  }
  if (config.kbc.name == "cc_kbc" && config.kbc.url.empty()) {
    return absl::InvalidArgumentError(StrCat(source, ": kbc.url is missing; kbc.name = \"cc_kbc\" needs it"));
  }
  CC_RETURN_IF_ERROR(
      Annotate(config.image.registry_config.Check(), StrCat(source, ": image.registry_config")));
  if (config.image.max_concurrent_layer_downloads_per_image < 1 ||
      config.image.max_concurrent_layer_downloads_per_image > kMaxParallelLayers) {
    return absl::InvalidArgumentError(
        StrCat(source, ": image.max_concurrent_layer_downloads_per_image must be 1 to ", kMaxParallelLayers));
  }
  for (const auto& [uri, path] : credentials) {
    absl::StatusOr<attest::ResourceUri> resource = attest::ResourceUri::Parse(uri);
    if (!resource.ok()) return Annotate(resource.status(), StrCat(source, ": credentials"));
    CC_RETURN_IF_ERROR(Annotate(CheckCredentialPath(path), StrCat(source, ": credentials")));
    config.credentials.push_back({.resource = *std::move(resource), .path = path});
  }
  CC_RETURN_IF_ERROR(CheckUris(config.image, source));
  return config;
}

CdhConfig CdhConfigFrom(const KernelParams& params) {
  CdhConfig config;
  if (!params.kbc.empty()) config.kbc = {.name = params.kbc, .url = params.kbs_url, .kbs_cert = {}};
  config.credentials = params.credentials;
  config.image.authenticated_registry_credentials_uri = params.image_registry_auth;
  config.image.image_security_policy_uri = params.image_policy_file;
  config.image.image_pull_proxy = {
      .https_proxy = params.https_proxy, .http_proxy = params.http_proxy, .no_proxy = params.no_proxy};
  return config;
}

}  // namespace cc::datahub
