// SPDX-License-Identifier: Apache-2.0
#include "agent/run/sysctl.h"

#include <fcntl.h>

#include <algorithm>

#include "base/beneath.h"
#include "base/file.h"
#include "base/status.h"
#include "base/strings.h"

namespace cc::agent {

absl::Status WriteSysctls(const std::map<std::string, std::string>& sysctls) {
  if (sysctls.empty()) return absl::OkStatus();
  CC_ASSIGN_OR_RETURN(UniqueFd root, OpenFile("/proc/sys", O_PATH | O_DIRECTORY));
  for (const auto& [key, value] : sysctls) {
    std::string path = key;
    std::replace(path.begin(), path.end(), '.', '/');
    absl::StatusOr<UniqueFd> file = OpenBeneath(root.get(), path, O_WRONLY);
    if (!file.ok()) return Annotate(file.status(), StrCat("set sysctl ", key));
    CC_RETURN_IF_ERROR(
        Annotate(WriteFull(file->get(), value), StrCat("set sysctl ", key, " to '", value, "'")));
  }
  return absl::OkStatus();
}

}  // namespace cc::agent
