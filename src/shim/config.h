// SPDX-License-Identifier: Apache-2.0
// Settings of the shim. packaging/config.toml is the commented sample with every key and its default.
#ifndef CC_SHIM_CONFIG_H_
#define CC_SHIM_CONFIG_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/log.h"
#include "google/protobuf/any.pb.h"
#include "vmm/vmm.h"

namespace cc::shim {

struct Config {
  struct {
    std::string backend = "qemu";
    vmm::Accel accel = vmm::Accel::kAuto;
    vmm::Tee tee = vmm::Tee::kNone;
    std::string binary;
    std::string arch;  // empty = that of the host
    std::string kernel = "/usr/share/kata-cc/vmlinuz";
    std::string initramfs = "/usr/share/kata-cc/initramfs.cpio";
    uint32_t vcpus = 1;
    uint32_t memory_mib = 512;
    uint32_t overhead_memory_mib = 256;  // beside the limit of a pod that has one
    std::vector<std::string> kernel_params;
    uint32_t boot_timeout_s = 60;
    uint32_t agent_timeout_s = 30;
  } vmm;
  struct {
    uint32_t spare_nics = 1;
  } network;
  struct {
    std::vector<std::string> annotations = {"cc_init_data", "default_memory", "default_vcpus"};
  } pod;
  struct {
    std::vector<std::string> insecure_plain_http;  // registries spoken to without TLS; measured
    std::vector<std::string> egress_hosts;
    std::vector<std::string> mirrors;
    uint32_t pull_timeout_s = 1200;
  } image;
  struct {
    uint32_t copy_limit_mib = 64;  // for all mounts of one container
  } volumes;
  struct {
    std::string kbs_url;                    // measured
    bool insecure_sample_evidence = false;  // measured
  } attestation;
  struct {
    log::Level level = log::Level::kInfo;
    log::Format format = log::Format::kText;
  } log;
  std::string state_dir = "/run/kata-cc";
};

// InvalidArgument names source, line and key.
absl::StatusOr<Config> ParseConfig(std::string_view text, std::string_view source_name);

// Where settings come from, first match wins: a path or a body in the runtime options (other option types,
// such as runc's, are ignored), `environment_path` (KATA_CC_CONFIG), /etc/kata-cc/config.toml, the defaults.
// A file that somebody named must exist; the one in /etc may be absent.
absl::StatusOr<Config> LoadConfig(const std::optional<google::protobuf::Any>& options,
                                  const std::string& environment_path);

// What the settings add to the guest's kernel command line. Measured in a Realm, so whoever predicts a
// measurement asks here too.
std::vector<std::string> GuestKernelParams(const Config& config);

}  // namespace cc::shim

#endif  // CC_SHIM_CONFIG_H_
