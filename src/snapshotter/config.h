// SPDX-License-Identifier: Apache-2.0
// Configuration of cc-snapshotter. Every key has a default; an unknown key is an error.
#ifndef CC_SNAPSHOTTER_CONFIG_H_
#define CC_SNAPSHOTTER_CONFIG_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace cc::snapshotter {

inline constexpr char kDefaultConfigPath[] = "/etc/kata-cc/snapshotter.toml";

struct Config {
  std::string root = "/var/lib/cc-snapshotter";
  std::string address = "/run/cc-snapshotter/cc-snapshotter.sock";
  struct Log {
    std::string level = "info";
    std::string format = "text";
  } log;

  static absl::StatusOr<Config> Load(const std::string& path);
  static absl::StatusOr<Config> Parse(std::string_view text, std::string_view source);
  // InvalidArgument unless both paths are absolute. After command line options were applied.
  absl::Status Check() const;
};

}  // namespace cc::snapshotter

#endif  // CC_SNAPSHOTTER_CONFIG_H_
