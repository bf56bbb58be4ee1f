// SPDX-License-Identifier: Apache-2.0
// Initdata in the guest: found on a virtio disk (Kata's form, initdata/carrier.h), laid out as files for the
// data hub, which checks that the hardware vouches for it before it uses any of them.
#ifndef CC_AGENT_INIT_INIT_DATA_H_
#define CC_AGENT_INIT_INIT_DATA_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace cc::agent {

struct InitDataFiles {
  bool found() const { return !data_hub_arguments.empty(); }
  std::vector<std::string> data_hub_arguments;  // names the files that there are; the text itself is one
  std::string policy;                           // policy.rego; empty when there is none
};

// True when the virtio bus has a block device, with or without a driver. `devices` is but in tests
// /sys/bus/virtio/devices.
bool HasVirtioDisk(const std::string& devices = "/sys/bus/virtio/devices");

// The text on the first virtio disk that carries initdata; nullopt when none does. Their driver must be
// loaded. An error when a disk that does cannot be read or is damaged: such a guest must not go on. `blocks`
// and `nodes` are /sys/block and /dev but in tests.
absl::StatusOr<std::optional<std::string>> FindInitData(const std::string& blocks = "/sys/block",
                                                        const std::string& nodes = "/dev");

// Parses the text and writes it, aa.toml and cdh.toml beneath `directory`, which is made.
absl::StatusOr<InitDataFiles> LayOutInitData(const std::string& toml, const std::string& directory);

}  // namespace cc::agent

#endif  // CC_AGENT_INIT_INIT_DATA_H_
