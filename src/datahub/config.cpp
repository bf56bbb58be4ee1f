// SPDX-License-Identifier: Apache-2.0
#include "datahub/config.h"

#include <vector>

#include "agent_proto/names.h"
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

}  // namespace

Config DefaultConfig() {
  Config config;
  config.socket = agent_proto::kDataHubSocket;
  config.image.bundle_root = agent_proto::kContainerBase;
  config.image.store = StrCat(agent_proto::kContainerBase, "/image");
  return config;
}

absl::Status ApplyToml(std::string_view text, std::string_view source_name, Config* config) {
  CC_ASSIGN_OR_RETURN(TomlTable root, TomlTable::Parse(text, source_name));
  root.Read("socket", &config->socket);
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
  CC_RETURN_IF_ERROR(root.Finish());

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
  return absl::OkStatus();
}

}  // namespace cc::datahub
