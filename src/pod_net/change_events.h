// SPDX-License-Identifier: Apache-2.0
// Notice of changes in a network namespace.
#ifndef CC_POD_NET_CHANGE_EVENTS_H_
#define CC_POD_NET_CHANGE_EVENTS_H_

#include "absl/status/statusor.h"
#include "base/unique_fd.h"

namespace cc::pod_net {

// A socket that becomes readable when links, addresses, routes or neighbours of the calling thread's
// namespace change.
absl::StatusOr<UniqueFd> OpenChangeEvents();

// Waits for a change and for the end of what belongs to it: a plugin makes several in a row. False when
// `stop` became readable.
bool AwaitChange(int events, int stop);

}  // namespace cc::pod_net

#endif  // CC_POD_NET_CHANGE_EVENTS_H_
