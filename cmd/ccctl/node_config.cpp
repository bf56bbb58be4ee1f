// SPDX-License-Identifier: Apache-2.0
#include "node_config.h"

#include <cstdlib>
#include <optional>

#include "base/status.h"
#include "shim/config.h"
#include "shim/vm_spec.h"

namespace cc::ccctl {

absl::StatusOr<NodeConfig> ReadNodeConfig(const std::string& path) {
  const char* environment = std::getenv("KATA_CC_CONFIG");
  const std::string named = !path.empty() ? path : environment != nullptr ? environment : "";
  CC_ASSIGN_OR_RETURN(const shim::Config config, shim::LoadConfig(std::nullopt, named));
  return NodeConfig{.spec = shim::VmSpecOf(config), .backend = config.vmm.backend};
}

}  // namespace cc::ccctl
