// SPDX-License-Identifier: Apache-2.0
// Keeps copied files of a pod's containers up to date: when the host's file or Kubernetes volume changes, it
// is copied into the guest again. One thread and one inotify instance for a pod, made with the first volume.
// Thread-safe.
#ifndef CC_SHIM_VOLUME_WATCH_H_
#define CC_SHIM_VOLUME_WATCH_H_

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "base/thread.h"
#include "base/unique_fd.h"
#include "shim/copy_files.h"

namespace cc::shim {

class VolumeWatch {
 public:
  VolumeWatch() = default;
  ~VolumeWatch();  // Stop
  VolumeWatch(const VolumeWatch&) = delete;
  VolumeWatch& operator=(const VolumeWatch&) = delete;

  // From now on a difference to `fingerprints` (of CopyIntoGuest, one for each copy) is copied. Copies that
  // are not to be kept current, or cannot change (empty fingerprint), are left out. A failed copy is logged
  // and tried again, less and less often. Where the kernel has no inotify watch left, looks every few
  // seconds.
  void Add(const std::string& container_id, const std::vector<HostCopy>& copies,
           const std::vector<std::string>& fingerprints, const CopyLimits& limits, CopyFileCall copy_file);

  // No copy for this container begins any more, and one that is under way ends at its next request. Waits for
  // that, but not long: a guest that hangs must not hold up a removal.
  void Remove(const std::string& container_id);

  // Ends the thread. Requests under way must be failed by their connection. Idempotent.
  void Stop();

  // Directories that are watched, for tests.
  size_t watched() const;

 private:
  struct Volume;

  void Run();
  // Copies what has changed; when it should look again without an event, at the latest.
  std::chrono::milliseconds Update();
  void UpdateOne(Volume& volume);
  void WatchLocked(const std::string& directory);
  void DropUnusedLocked();

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::shared_ptr<Volume>> volumes_;
  std::string busy_;  // container that a copy is under way for
  bool stopped_ = false;
  UniqueFd inotify_;
  UniqueFd wakeup_;
  std::map<std::string, int> watches_;  // directory -> watch descriptor
  std::set<std::string> unwatched_;     // directories that inotify would not take
  Thread thread_;
};

}  // namespace cc::shim

#endif  // CC_SHIM_VOLUME_WATCH_H_
