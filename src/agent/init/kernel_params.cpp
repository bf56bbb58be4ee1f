// SPDX-License-Identifier: Apache-2.0
#include "agent/init/kernel_params.h"

#include "base/strings.h"

namespace cc::agent {
namespace {

constexpr uint32_t kMaxPullTimeout = 7 * 24 * 3600;

}  // namespace

absl::StatusOr<KernelParams> ParseKernelParams(std::string_view cmdline) {
  KernelParams out;
  for (std::string_view word : StrSplit(StrTrim(cmdline), ' ')) {
    const SplitPair pair = SplitOnce(word, '=');
    if (pair.first == "agent.log") {
      out.debug_log = pair.second == "debug" || pair.second == "trace";
    } else if (pair.first == "agent.image_pull_timeout") {
      uint32_t seconds = 0;
      if (!ParseNumber(pair.second, &seconds) || seconds == 0 || seconds > kMaxPullTimeout) {
        return absl::InvalidArgumentError(
            StrCat("kernel parameter '", word, "': want 1 to ", kMaxPullTimeout, " seconds"));
      }
      out.image_pull_timeout = std::chrono::seconds(seconds);
    } else if (pair.first == "agent.guest_components_procs") {
      out.start_data_hub = pair.second != "none";
    }
  }
  return out;
}

}  // namespace cc::agent
