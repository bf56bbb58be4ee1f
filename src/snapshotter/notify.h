// SPDX-License-Identifier: Apache-2.0
#ifndef CC_SNAPSHOTTER_NOTIFY_H_
#define CC_SNAPSHOTTER_NOTIFY_H_

#include <string_view>

#include "absl/status/status.h"

namespace cc::snapshotter {

// Tells systemd of a state such as "READY=1" (sd_notify's protocol: one datagram to $NOTIFY_SOCKET). OK
// without that variable.
absl::Status NotifySystemd(std::string_view state);

}  // namespace cc::snapshotter

#endif  // CC_SNAPSHOTTER_NOTIFY_H_
