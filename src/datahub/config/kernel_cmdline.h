// SPDX-License-Identifier: Apache-2.0
// The kernel's command line as key=value pairs. It is measured in a Realm, so it may carry configuration.
#ifndef CC_DATAHUB_CONFIG_KERNEL_CMDLINE_H_
#define CC_DATAHUB_CONFIG_KERNEL_CMDLINE_H_

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace cc::datahub {

class KernelCmdline {
 public:
  // As the kernel reads it: separated by white space; double quotes keep white space together and are
  // dropped; of a key that comes twice the last value counts. What follows "--" is for init and left out.
  static KernelCmdline Parse(std::string_view text);
  static absl::StatusOr<KernelCmdline> Read(const std::string& path = "/proc/cmdline");

  // The value after '='; empty for a bare word; nullopt when absent.
  std::optional<std::string> Find(const std::string& key) const;

 private:
  std::map<std::string, std::string> values_;
};

}  // namespace cc::datahub

#endif  // CC_DATAHUB_CONFIG_KERNEL_CMDLINE_H_
