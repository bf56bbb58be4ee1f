// SPDX-License-Identifier: Apache-2.0
#include "vmm/net/tap.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <utility>

#include "base/status.h"
#include "vmm/device_check.h"
#include "vmm/net/frame.h"

namespace cc::vmm::net {
namespace {

// Segmentation is of no use without checksums; a driver that says otherwise gets whole frames.
unsigned long TapFlags(uint64_t features) {
  if ((features & kFeatureGuestChecksum) == 0) return 0;
  unsigned long flags = TUN_F_CSUM;
  if ((features & kFeatureGuestTso4) != 0) flags |= TUN_F_TSO4;
  if ((features & kFeatureGuestTso6) != 0) flags |= TUN_F_TSO6;
  return flags;
}

absl::Status SetOffloads(int fd, uint64_t features) {
  // SAFETY: TUNSETOFFLOAD takes its flags by value.
  if (::ioctl(fd, TUNSETOFFLOAD, TapFlags(features)) != 0) return ErrnoStatus(errno, "set a tap's offloads");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<FramePort> OpenTap(UniqueFd tap) {
  CC_RETURN_IF_ERROR(CheckTap(tap.get()));
  const int fd = tap.get();
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) {
    return ErrnoStatus(errno, "make a tap non-blocking");
  }
  int header_size = kHeaderSize;
  // SAFETY: TUNSETVNETHDRSZ reads an int.
  if (::ioctl(fd, TUNSETVNETHDRSZ, &header_size) != 0) return ErrnoStatus(errno, "set a tap's header");
  const uint64_t offloads = SetOffloads(fd, kOffloads).ok() ? kOffloads : 0;
  CC_RETURN_IF_ERROR(SetOffloads(fd, 0));
  return FramePort{.fd = std::move(tap), .offloads = offloads, .set_features = [fd](uint64_t features) {
                     return SetOffloads(fd, features);
                   }};
}

}  // namespace cc::vmm::net
