// SPDX-License-Identifier: Apache-2.0
// The task service: containerd.task.v2.Task and containerd.task.v3.Task, the same messages and handlers under
// both names. Thin: each method finds its object and says how its result looks on the wire.
#ifndef CC_SHIM_SERVICE_H_
#define CC_SHIM_SERVICE_H_

#include <functional>
#include <memory>

#include "shim/pod.h"
#include "ttrpc/server.h"

namespace cc::shim {

// `shutdown` is called when containerd asks the shim to end and nothing is left to serve (or at once with
// `now`).
void RegisterTaskService(ttrpc::Server& server, const std::shared_ptr<Pod>& pod,
                         std::function<void()> shutdown);

}  // namespace cc::shim

#endif  // CC_SHIM_SERVICE_H_
