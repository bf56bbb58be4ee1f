// SPDX-License-Identifier: Apache-2.0
// Copies small files of the host (resolv.conf, hosts, secrets, config maps) into the guest through CopyFile.
#ifndef CC_SHIM_COPY_FILES_H_
#define CC_SHIM_COPY_FILES_H_

#include <functional>
#include <vector>

#include "absl/status/status.h"
#include "kata/agent.pb.h"
#include "shim/guest_spec.h"

namespace cc::shim {

// Beyond these a mount is refused rather than copied for minutes.
inline constexpr size_t kMaxCopyEntries = 1024;
inline constexpr size_t kMaxCopyBytes = 64 << 20;

using CopyFileCall = std::function<absl::Status(const grpc::CopyFileRequest&)>;

// Regular files, directories and symbolic links keep mode and owner; links are copied as links, never
// followed out of the tree. Sockets, devices and FIFOs are skipped. ResourceExhausted above the limits, for
// all copies together.
absl::Status CopyIntoGuest(const std::vector<HostCopy>& copies, const CopyFileCall& copy_file);

}  // namespace cc::shim

#endif  // CC_SHIM_COPY_FILES_H_
