// SPDX-License-Identifier: Apache-2.0
#ifndef CC_SNAPSHOTTER_SNAPSHOT_H_
#define CC_SNAPSHOTTER_SNAPSHOT_H_

#include <cstdint>
#include <map>
#include <string>

namespace cc::snapshotter {

// Values as stored and as in containerd's API.
enum class Kind { kView = 1, kActive = 2, kCommitted = 3 };

using Labels = std::map<std::string, std::string, std::less<>>;

struct Snapshot {
  int64_t id = 0;  // never used twice
  std::string name;
  std::string parent;  // name of the parent; empty: none
  Kind kind = Kind::kActive;
  int64_t created_ns = 0;  // since 1970, UTC
  int64_t updated_ns = 0;
  Labels labels;
};

}  // namespace cc::snapshotter

#endif  // CC_SNAPSHOTTER_SNAPSHOT_H_
