// SPDX-License-Identifier: Apache-2.0
#include "agent/storage/mount_options.h"

#include <sys/mount.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace cc::agent {
namespace {

struct Flag {
  std::string_view name;
  unsigned long set;
  unsigned long clear;
};

constexpr std::array<Flag, 17> kFlags = {{
    {"defaults", 0, 0},
    {"ro", MS_RDONLY, 0},
    {"rw", 0, MS_RDONLY},
    {"nosuid", MS_NOSUID, 0},
    {"suid", 0, MS_NOSUID},
    {"nodev", MS_NODEV, 0},
    {"dev", 0, MS_NODEV},
    {"noexec", MS_NOEXEC, 0},
    {"exec", 0, MS_NOEXEC},
    {"sync", MS_SYNCHRONOUS, 0},
    {"async", 0, MS_SYNCHRONOUS},
    {"noatime", MS_NOATIME, 0},
    {"atime", 0, MS_NOATIME},
    {"nodiratime", MS_NODIRATIME, 0},
    {"diratime", 0, MS_NODIRATIME},
    {"relatime", MS_RELATIME, 0},
    {"strictatime", MS_STRICTATIME, 0},
}};

}  // namespace

MountOptions ParseMountOptions(const std::vector<std::string>& options) {
  MountOptions out;
  for (const std::string& option : options) {
    const auto flag =
        std::find_if(kFlags.begin(), kFlags.end(), [&](const Flag& known) { return known.name == option; });
    if (flag != kFlags.end()) {
      out.flags = (out.flags & ~flag->clear) | flag->set;
    } else if (!option.empty()) {
      if (!out.data.empty()) out.data.push_back(',');
      out.data.append(option);
    }
  }
  return out;
}

}  // namespace cc::agent
