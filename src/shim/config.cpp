// SPDX-License-Identifier: Apache-2.0
#include "shim/config.h"

#include <unistd.h>

#include "base/file.h"
#include "base/status.h"
#include "base/strings.h"
#include "base/toml.h"
#include "containerd/runtimeoptions.pb.h"
#include "shim/egress_rules.h"

namespace cc::shim {
namespace {

constexpr char kDefaultPath[] = "/etc/kata-cc/config.toml";
constexpr size_t kMaxConfig = 1 << 20;

void ReadVmm(TomlTable table, Config& config) {
  std::string accel = "auto";
  std::string tee = "none";
  table.Read("backend", &config.vmm.backend);
  table.ReadChoice("accel", &accel, {"auto", "kvm", "tcg"});
  table.ReadChoice("tee", &tee, {"none", "cca"});
  table.Read("binary", &config.vmm.binary);
  table.ReadChoice("arch", &config.vmm.arch, {"", "x86_64", "aarch64"});
  table.Read("kernel", &config.vmm.kernel);
  table.Read("initramfs", &config.vmm.initramfs);
  table.Read("vcpus", &config.vmm.vcpus);
  table.Read("memory_mib", &config.vmm.memory_mib);
  table.Read("overhead_memory_mib", &config.vmm.overhead_memory_mib);
  table.Read("kernel_params", &config.vmm.kernel_params);
  table.Read("boot_timeout_s", &config.vmm.boot_timeout_s);
  table.Read("agent_timeout_s", &config.vmm.agent_timeout_s);
  config.vmm.accel = accel == "kvm"   ? vmm::Accel::kKvm
                     : accel == "tcg" ? vmm::Accel::kTcg
                                      : vmm::Accel::kAuto;
  config.vmm.tee = tee == "cca" ? vmm::Tee::kCca : vmm::Tee::kNone;
}

// It becomes one word of the kernel's command line.
absl::Status CheckKbsUrl(const std::string& url, std::string_view source_name) {
  if (url.empty()) return absl::OkStatus();
  const bool scheme = url.starts_with("https://") || url.starts_with("http://");
  if (scheme && url.find_first_of("\" \t\r\n=?#") == std::string::npos &&
      url.find("::") == std::string::npos && ParseHostPort(url).ok()) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      StrCat(source_name, ": attestation.kbs_url '", url,
             "' is no URL such as https://kbs.example.com:8080 (http or https, no query)"));
}

void ReadLog(TomlTable table, Config& config) {
  std::string level = "info";
  std::string format = "text";
  table.ReadChoice("level", &level, {"debug", "info", "warning", "error"});
  table.ReadChoice("format", &format, {"text", "json"});
  config.log.level = level == "debug"     ? log::Level::kDebug
                     : level == "warning" ? log::Level::kWarning
                     : level == "error"   ? log::Level::kError
                                          : log::Level::kInfo;
  config.log.format = format == "json" ? log::Format::kJson : log::Format::kText;
}

absl::StatusOr<Config> FromFile(const std::string& path) {
  absl::StatusOr<std::string> text = ReadFile(path, kMaxConfig);
  if (!text.ok()) return Annotate(text.status(), "load configuration");
  return ParseConfig(*text, path);
}

bool IsRuntimeOptions(std::string_view type_url) {
  constexpr std::string_view kType = "runtimeoptions.v1.Options";
  return type_url == kType || type_url.ends_with("/runtimeoptions.v1.Options");
}

}  // namespace

absl::StatusOr<Config> ParseConfig(std::string_view text, std::string_view source_name) {
  CC_ASSIGN_OR_RETURN(TomlTable root, TomlTable::Parse(text, source_name));
  Config config;
  ReadVmm(root.Table("vmm"), config);
  root.Table("network").Read("spare_nics", &config.network.spare_nics);
  root.Table("pod").Read("annotations", &config.pod.annotations);
  TomlTable image = root.Table("image");
  image.Read("insecure_plain_http", &config.image.insecure_plain_http);
  image.Read("egress_hosts", &config.image.egress_hosts);
  image.Read("mirrors", &config.image.mirrors);
  image.Read("pull_timeout_s", &config.image.pull_timeout_s);
  root.Table("volumes").Read("copy_limit_mib", &config.volumes.copy_limit_mib);
  TomlTable attestation = root.Table("attestation");
  attestation.Read("kbs_url", &config.attestation.kbs_url);
  attestation.Read("insecure_sample_evidence", &config.attestation.insecure_sample_evidence);
  ReadLog(root.Table("log"), config);
  root.Read("state_dir", &config.state_dir);
  CC_RETURN_IF_ERROR(root.Finish());
  if (config.vmm.agent_timeout_s == 0) {
    return absl::InvalidArgumentError(StrCat(source_name, ": vmm.agent_timeout_s must be at least 1"));
  }
  if (config.vmm.vcpus == 0 || config.vmm.memory_mib < 64) {
    return absl::InvalidArgumentError(std::string(source_name) +
                                      ": vmm.vcpus must be at least 1 and vmm.memory_mib at least 64");
  }
  constexpr uint32_t kMaxSpareNics = 8;
  if (config.network.spare_nics > kMaxSpareNics) {
    return absl::InvalidArgumentError(
        StrCat(source_name, ": network.spare_nics must be at most ", kMaxSpareNics));
  }
  if (config.volumes.copy_limit_mib == 0) {
    return absl::InvalidArgumentError(
        StrCat(source_name, ": volumes.copy_limit_mib must be at least 1; every pod has files to copy"));
  }
  CC_RETURN_IF_ERROR(CheckKbsUrl(config.attestation.kbs_url, source_name));
  if (config.state_dir.empty() || config.state_dir[0] != '/') {
    return absl::InvalidArgumentError(std::string(source_name) + ": state_dir must be an absolute path");
  }
  return config;
}

absl::StatusOr<Config> LoadConfig(const std::optional<google::protobuf::Any>& options,
                                  const std::string& environment_path) {
  if (options.has_value() && IsRuntimeOptions(options->type_url())) {
    runtimeoptions::v1::Options runtime;
    if (!runtime.ParseFromString(options->value())) {
      return absl::InvalidArgumentError("runtime options do not parse as runtimeoptions.v1.Options");
    }
    if (!runtime.config_path().empty()) return FromFile(runtime.config_path());
    if (!runtime.config_body().empty()) return ParseConfig(runtime.config_body(), "runtime options");
  }
  if (!environment_path.empty()) return FromFile(environment_path);
  if (::access(kDefaultPath, F_OK) == 0) return FromFile(kDefaultPath);
  return Config{};
}

std::vector<std::string> GuestKernelParams(const Config& config) {
  std::vector<std::string> params = config.vmm.kernel_params;
  if (!config.image.insecure_plain_http.empty()) {
    params.push_back(StrCat("cc.insecure_plain_http=", StrJoin(config.image.insecure_plain_http, ",")));
  }
  if (!config.attestation.kbs_url.empty()) {
    params.push_back(StrCat("agent.aa_kbc_params=cc_kbc::", config.attestation.kbs_url));
  }
  if (config.attestation.insecure_sample_evidence) {
    params.push_back("agent.insecure_sample_evidence=true");
  }
  return params;
}

}  // namespace cc::shim
