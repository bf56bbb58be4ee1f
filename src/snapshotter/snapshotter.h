// SPDX-License-Identifier: Apache-2.0
// A snapshotter for images that are pulled inside the guest. It keeps containerd's tree of snapshots and no
// content:
//
// - Prepare with containerd.io/snapshot.ref (a pull): the layer is committed at once and the answer is
//   AlreadyExists, so containerd neither downloads nor unpacks it.
// - Prepare of an unpack without that label (an image that was pulled for another snapshotter, or `ctr images
//   pull` of containerd 1.6): containerd reads the layer whatever we answer. It unpacks into a directory of
//   its own that is deleted at Commit.
// - Prepare or View of anything else (a container): one read-only mount of an empty directory, see mounts.h.
//
// In `root`: metadata.db, the empty directory rootfs, and unpack/<id> while a layer is being unpacked.
// Thread-safe.
#ifndef CC_SNAPSHOTTER_SNAPSHOTTER_H_
#define CC_SNAPSHOTTER_SNAPSHOTTER_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/unique_fd.h"
#include "containerd/types.pb.h"
#include "snapshotter/filter.h"
#include "snapshotter/snapshot.h"
#include "snapshotter/store.h"

namespace cc::snapshotter {

class Snapshotter {
 public:
  // Makes `root` (mode 0700) when absent and removes what a killed process left. FailedPrecondition when
  // another process uses it.
  static absl::StatusOr<std::unique_ptr<Snapshotter>> Open(const std::string& root);

  // AlreadyExists: `key` is taken, or the layer that the label names is there and need not be downloaded.
  absl::StatusOr<containerd::types::Mount> Prepare(const std::string& key, const std::string& parent,
                                                   const Labels& labels);
  absl::StatusOr<containerd::types::Mount> View(const std::string& key, const std::string& parent,
                                                const Labels& labels);
  // FailedPrecondition for a committed snapshot.
  absl::StatusOr<containerd::types::Mount> Mounts(const std::string& key);

  absl::Status Commit(const std::string& name, const std::string& key, const Labels& labels);
  absl::Status Remove(const std::string& key);
  absl::StatusOr<Snapshot> Stat(const std::string& key);
  absl::StatusOr<Snapshot> Update(const std::string& name, const Labels& labels,
                                  const std::vector<std::string>& paths);

  // Calls `visit` with pages of what matches, until it returns false.
  absl::Status List(const Filter& filter, const std::function<bool(std::vector<Snapshot>)>& visit);

  // Deletes unpack directories that no snapshot needs.
  absl::Status Cleanup();

 private:
  Snapshotter(std::string root, UniqueFd lock, std::unique_ptr<Store> store)
      : root_(std::move(root)), lock_(std::move(lock)), store_(std::move(store)) {}

  absl::StatusOr<containerd::types::Mount> MountOf(const Snapshot& snapshot);
  std::string UnpackDir(int64_t id) const;
  void DropUnpacked(const Snapshot& snapshot);

  const std::string root_;
  const UniqueFd lock_;
  const std::unique_ptr<Store> store_;
};

}  // namespace cc::snapshotter

#endif  // CC_SNAPSHOTTER_SNAPSHOTTER_H_
