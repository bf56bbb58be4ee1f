// SPDX-License-Identifier: Apache-2.0
// The sandbox service of containerd >= 1.7 (containerd.runtime.sandbox.v1.Sandbox): a pod whose VM needs no
// pause container. The containers come through the task service, as in the classic way.
#ifndef CC_SHIM_SANDBOX_SERVICE_H_
#define CC_SHIM_SANDBOX_SERVICE_H_

#include <functional>
#include <memory>

#include "shim/pod.h"
#include "ttrpc/server.h"

namespace cc::shim {

// `shutdown` is called by ShutdownSandbox, after the VM has ended.
void RegisterSandboxService(ttrpc::Server& server, const std::shared_ptr<Pod>& pod,
                            std::function<void()> shutdown);

}  // namespace cc::shim

#endif  // CC_SHIM_SANDBOX_SERVICE_H_
