// SPDX-License-Identifier: Apache-2.0
// What the network device needs of the host's end of its wire.
#ifndef CC_VMM_NET_TAP_H_
#define CC_VMM_NET_TAP_H_

#include <cstdint>
#include <functional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/unique_fd.h"

namespace cc::vmm::net {

// A descriptor that gives and takes one frame with its FrameHeader per read or write, and does not block.
struct FramePort {
  UniqueFd fd;
  uint64_t offloads = 0;  // of kOffloads, what the other end can do
  // From now on frames may arrive that need what these features of the driver promise.
  std::function<absl::Status(uint64_t features)> set_features;
};

// Makes a tap such a port. InvalidArgument when it is none, or not with IFF_NO_PI and IFF_VNET_HDR.
absl::StatusOr<FramePort> OpenTap(UniqueFd tap);

}  // namespace cc::vmm::net

#endif  // CC_VMM_NET_TAP_H_
