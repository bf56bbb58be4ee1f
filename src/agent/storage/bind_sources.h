// SPDX-License-Identifier: Apache-2.0
// Sources of a container's bind mounts. The host may change what lies beneath <base>/shared at any time
// (CopyFile can make symbolic links there), and crun opens a source by its path. So each source is opened
// here without following links and mounted on a path of the agent's own; crun sees only that.
#ifndef CC_AGENT_STORAGE_BIND_SOURCES_H_
#define CC_AGENT_STORAGE_BIND_SOURCES_H_

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace cc::agent {

// Mounts on <bundle>/mounts/<n>; unmounts them all when it goes. Not thread-safe.
class BindSources {
 public:
  // `base_fd` is open on `base`; neither is owned.
  BindSources(std::string bundle, std::string base, int base_fd)
      : bundle_(std::move(bundle)), base_(std::move(base)), base_fd_(base_fd) {}
  ~BindSources();
  BindSources(const BindSources&) = delete;
  BindSources& operator=(const BindSources&) = delete;

  // Replaces `*source`, a clean path beneath base (spec_policy.h), by the path of its mount. `recursive`
  // takes the mounts beneath it along.
  absl::Status Pin(std::string* source, bool recursive);

 private:
  const std::string bundle_;
  const std::string base_;
  const int base_fd_;
  std::vector<std::string> mounted_;
};

}  // namespace cc::agent

#endif  // CC_AGENT_STORAGE_BIND_SOURCES_H_
