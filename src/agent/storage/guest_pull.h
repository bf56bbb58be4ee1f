// SPDX-License-Identifier: Apache-2.0
// Asks the data hub in this guest to pull an image and to mount it at <bundle>/rootfs.
#ifndef CC_AGENT_STORAGE_GUEST_PULL_H_
#define CC_AGENT_STORAGE_GUEST_PULL_H_

#include <chrono>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "agent/run/latch.h"

namespace cc::agent {

struct PullRequest {
  std::string socket;  // of the data hub
  std::string image;   // reference
  std::string bundle;
  std::chrono::seconds timeout{1200};
  std::shared_ptr<Latch> cancel;
};

// Blocks. A data hub that is still starting is waited for; one that the agent gave up (init/data_hub.h) is
// not, and FailedPrecondition tells why it ended. Cancelled when the latch is set; errors of the data hub are
// passed on with its text.
absl::Status PullImage(const PullRequest& request);

}  // namespace cc::agent

#endif  // CC_AGENT_STORAGE_GUEST_PULL_H_
