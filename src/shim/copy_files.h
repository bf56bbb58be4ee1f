// SPDX-License-Identifier: Apache-2.0
// Copies files and directories of the host (resolv.conf, secrets, config maps, small host paths) into the
// guest through CopyFile, several requests at once, because each is a round trip.
#ifndef CC_SHIM_COPY_FILES_H_
#define CC_SHIM_COPY_FILES_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kata/agent.pb.h"
#include "shim/host_tree.h"

namespace cc::shim {

// A file or directory of the host that is copied into the guest before the container is created.
struct HostCopy {
  std::string host_path;
  std::string guest_path;
  std::string destination = {};  // in the container, for messages
  bool keep_current = false;     // a later change on the host goes to the guest too
};

// One CopyFile; called by several threads at once.
using CopyFileCall = std::function<absl::Status(const grpc::CopyFileRequest&)>;

// Mode and owner are kept; links are copied as links. The chunks of one file go one after the other, as the
// protocol asks; those of several files overlap, unless their names differ in the extension alone. A
// Kubernetes volume arrives whole before its "..data" link is set, so a reader in the guest sees one version
// or the other. A file that is written to meanwhile, or a volume that gets a new version, is copied again;
// Unavailable when it does not come to rest.
//
// Nothing is sent when `limits` (for all copies together) are passed or something cannot be copied
// (host_tree.h). Returns a fingerprint for each copy.
absl::StatusOr<std::vector<std::string>> CopyIntoGuest(const std::vector<HostCopy>& copies,
                                                       const CopyLimits& limits,
                                                       const CopyFileCall& copy_file);

}  // namespace cc::shim

#endif  // CC_SHIM_COPY_FILES_H_
