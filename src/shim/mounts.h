// SPDX-License-Identifier: Apache-2.0
// What becomes of each mount of a specification: nothing of the host's file system is shared with a guest, so
// a mount is a file system that the guest makes itself, a copy of small files, or refused.
#ifndef CC_SHIM_MOUNTS_H_
#define CC_SHIM_MOUNTS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "kata/oci.pb.h"
#include "shim/guest_spec.h"

namespace cc::shim {

enum class MountAction {
  kKeep,        // the guest mounts it by itself: proc, sysfs, tmpfs, devpts, mqueue, cgroup
  kSandboxShm,  // the pod's /dev/shm, made by CreateSandbox
  kCopy,        // regular file or directory, copied at creation
  kRefuse,
};

// Looks at the source on the host for bind mounts. `reason` is filled for kRefuse.
MountAction DecideMount(const grpc::Mount& mount, std::string* reason);

// Rewrites `mounts` in place and lists the copies they need. InvalidArgument names the refused mount.
absl::Status TranslateMounts(const std::string& container_id, const std::string& copy_tag,
                             google::protobuf::RepeatedPtrField<grpc::Mount>* mounts,
                             std::vector<HostCopy>* copies);

}  // namespace cc::shim

#endif  // CC_SHIM_MOUNTS_H_
