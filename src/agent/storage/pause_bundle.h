// SPDX-License-Identifier: Apache-2.0
// The pod's "pause" container needs no image: its root holds one program of the guest, which waits for ever.
#ifndef CC_AGENT_STORAGE_PAUSE_BUNDLE_H_
#define CC_AGENT_STORAGE_PAUSE_BUNDLE_H_

#include <string>

#include "absl/status/status.h"
#include "kata/oci.pb.h"

namespace cc::agent {

// Makes <bundle>/rootfs with `program` (static, of the guest) bound read-only as /pause, and replaces
// `process`'s command by it. The caller unmounts <bundle>/rootfs/pause.
absl::Status MakePauseBundle(const std::string& bundle, const std::string& program, grpc::Process* process);

}  // namespace cc::agent

#endif  // CC_AGENT_STORAGE_PAUSE_BUNDLE_H_
