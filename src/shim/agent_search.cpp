// SPDX-License-Identifier: Apache-2.0
#include "shim/agent_search.h"

#include <sys/socket.h>

#include <algorithm>
#include <string>
#include <utility>

#include "base/socket.h"
#include "base/status.h"
#include "base/strings.h"
#include "base/thread.h"

namespace cc::shim {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kFirstDial{250};
constexpr milliseconds kMaxDialDelay{1000};

}  // namespace

absl::StatusOr<UniqueFd> AgentSearch::Run(std::chrono::seconds limit) {
  CC_ASSIGN_OR_RETURN(Thread push, Thread::Start("ready", [this] {
                        if (!Accept(ready_.get()).ok()) return;
                        const std::lock_guard lock(mutex_);
                        pushed_ = true;
                        changed_.notify_all();
                      }));
  absl::StatusOr<UniqueFd> connection = DialUntil(steady_clock::now() + limit);
  ::shutdown(ready_.get(), SHUT_RDWR);
  push.Join();
  if (!absl::IsDeadlineExceeded(connection.status())) return connection;
  return absl::DeadlineExceededError(StrCat("the guest's agent did not answer within ", limit.count(),
                                            " s (vmm.boot_timeout_s): ", MessageOf(connection.status())));
}

absl::StatusOr<UniqueFd> AgentSearch::DialUntil(steady_clock::time_point deadline) {
  for (milliseconds delay = kFirstDial;; delay = std::min(delay * 2, kMaxDialDelay)) {
    if (!AwaitNextTry(delay)) return absl::UnavailableError("the VM ended before its agent was ready");
    absl::StatusOr<UniqueFd> connection = dial_();
    if (connection.ok()) return connection;
    if (steady_clock::now() > deadline) {
      return absl::DeadlineExceededError(std::string(MessageOf(connection.status())));
    }
  }
}

bool AgentSearch::AwaitNextTry(milliseconds delay) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, delay, [this] { return cancelled_ || pushed_; });
  pushed_ = false;
  return !cancelled_;
}

void AgentSearch::Cancel() {
  const std::lock_guard lock(mutex_);
  cancelled_ = true;
  changed_.notify_all();
}

}  // namespace cc::shim
