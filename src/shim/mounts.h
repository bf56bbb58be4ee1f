// SPDX-License-Identifier: Apache-2.0
// What becomes of each mount of a specification: nothing of the host's file system is shared with a guest, so
// a mount is a file system that the guest makes itself, a volume of the pod in the guest, a copy of small
// files, or refused.
#ifndef CC_SHIM_MOUNTS_H_
#define CC_SHIM_MOUNTS_H_

#include <sys/stat.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kata/agent.pb.h"
#include "kata/oci.pb.h"
#include "shim/copy_files.h"

namespace cc::shim {

// The host's file for a container's termination message.
struct TerminationLog {
  std::string host_path;
  std::string destination;  // in the container
  dev_t device = 0;         // it must still be this file when the message is written
  ino_t inode = 0;
};

struct GuestMounts {
  std::vector<HostCopy> copies;
  std::vector<grpc::Storage> storages;  // volumes that the containers of the pod share, in order
  std::optional<TerminationLog> termination_log;
};

struct MountInput {
  std::string container_id;
  std::string copy_tag;          // random, makes guest paths of copies unguessable
  std::string termination_path;  // where Kubernetes expects the message, when the annotation says
};

// Rewrites `mounts` in place; the guest makes proc, sysfs, tmpfs, devpts, mqueue and cgroup by itself.
// InvalidArgument names the refused mount, the reason and what to do.
absl::StatusOr<GuestMounts> TranslateMounts(const MountInput& input,
                                            google::protobuf::RepeatedPtrField<grpc::Mount>* mounts);

}  // namespace cc::shim

#endif  // CC_SHIM_MOUNTS_H_
