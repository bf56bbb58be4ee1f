// SPDX-License-Identifier: Apache-2.0
// Calls back when this process's mount table changes. The kernel tells (poll on mountinfo); nothing is polled
// by time.
#ifndef CC_DATAHUB_MOUNT_WATCH_H_
#define CC_DATAHUB_MOUNT_WATCH_H_

#include <functional>
#include <memory>
#include <thread>

#include "absl/status/statusor.h"
#include "base/unique_fd.h"

namespace cc::datahub {

class MountWatch {
 public:
  // `on_change` runs on the watch's own thread, one call at a time; changes during a call lead to one more.
  static absl::StatusOr<std::unique_ptr<MountWatch>> Start(std::function<void()> on_change);
  ~MountWatch();  // waits for a running call

 private:
  MountWatch(UniqueFd mounts, UniqueFd stop, std::function<void()> on_change);
  void Run();

  const UniqueFd mounts_, stop_;
  const std::function<void()> on_change_;
  std::thread thread_;
};

}  // namespace cc::datahub

#endif  // CC_DATAHUB_MOUNT_WATCH_H_
