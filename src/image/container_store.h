// SPDX-License-Identifier: Apache-2.0
// The writable half of containers: <store>/containers/<hash of the bundle path>/{upper,work,bundle}, mounted
// over an image's layers at <bundle>/rootfs.
//
// Whoever unmounts <bundle>/rootfs (the agent, when it removes the container) need not tell: Sweep finds the
// bundles that are no longer mounted and frees what was written.
//
// Thread-safe.
#ifndef CC_IMAGE_CONTAINER_STORE_H_
#define CC_IMAGE_CONTAINER_STORE_H_

#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/unique_fd.h"

namespace cc::image {

class ContainerStore {
 public:
  // `store_fd` is the image store's root.
  static absl::StatusOr<std::unique_ptr<ContainerStore>> Open(int store_fd);

  // Mounts the layers (lowest first) at `bundle`/rootfs; `bundle_fd` is that directory. Returns the mounted
  // root. AlreadyExists when the bundle has a root file system.
  absl::StatusOr<UniqueFd> Mount(const std::string& bundle, int bundle_fd,
                                 const std::vector<UniqueFd>& layers);
  // Unmounts and frees. OK when there is nothing.
  absl::Status Release(const std::string& bundle);
  // Frees what belongs to bundles that are not mounted.
  void Sweep();

 private:
  explicit ContainerStore(UniqueFd containers) : containers_(std::move(containers)) {}
  absl::Status MakeUpper(const std::string& name, const std::string& bundle);

  const UniqueFd containers_;
  std::mutex mutex_;
  std::set<std::string> busy_;  // names that Mount or Release is working on
};

}  // namespace cc::image

#endif  // CC_IMAGE_CONTAINER_STORE_H_
