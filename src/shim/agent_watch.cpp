// SPDX-License-Identifier: Apache-2.0
#include "shim/agent_watch.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"

namespace cc::shim {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::seconds kHealthInterval{2};
// A silent guest is looked at so often, and hangs when its VMM was idle so many times in a row. A look that
// comes late proves nothing: then it is the node that is busy.
constexpr std::chrono::milliseconds kLook{500};
constexpr std::chrono::milliseconds kLate{250};
constexpr int kIdleLooks = 5;
// A guest that is only busy answers a health check earlier.
constexpr std::chrono::seconds kSilence{3};
// How long a VM may live without its agent: enough for a guest that is powering off to say so.
constexpr std::chrono::seconds kLostAgentGrace{2};

}  // namespace

absl::StatusOr<std::unique_ptr<AgentWatch>> AgentWatch::Start(std::shared_ptr<agent_proto::AgentClient> agent,
                                                              Options options) {
  std::unique_ptr<AgentWatch> watch(new AgentWatch(std::move(agent), std::move(options)));
  AgentWatch* self = watch.get();
  self->agent_->OnClose([self] {
    const std::lock_guard lock(self->mutex_);
    self->closed_ = true;
    self->changed_.notify_all();
  });
  CC_ASSIGN_OR_RETURN(self->events_, Thread::Start("agent-watch", [self] { self->FollowEvents(); }));
  CC_ASSIGN_OR_RETURN(self->health_, Thread::Start("health", [self] { self->CheckHealth(); }));
  if (self->options_.vmm_idle) {
    CC_ASSIGN_OR_RETURN(self->silence_, Thread::Start("silence", [self] { self->WatchSilence(); }));
  }
  return watch;
}

AgentWatch::~AgentWatch() {
  VmEnded();
  agent_->Close();
  std::unique_lock lock(mutex_);
  // The callback of the connection must not outlive this object.
  changed_.wait(lock, [this] { return closed_; });
}

void AgentWatch::VmEnded() {
  const std::lock_guard lock(mutex_);
  vm_ended_ = true;
  changed_.notify_all();
}

absl::Status AgentWatch::Responsive() const {
  const std::lock_guard lock(mutex_);
  if (!unanswered_since_.has_value()) return absl::OkStatus();
  const auto silence = steady_clock::now() - *unanswered_since_;
  if (silence < kSilence) return absl::OkStatus();
  return absl::UnavailableError(StrCat("the guest's agent has not answered for ",
                                       std::chrono::duration_cast<std::chrono::seconds>(silence).count(),
                                       " s"));
}

void AgentWatch::FollowEvents() {
  while (true) {
    const absl::StatusOr<grpc::OOMEvent> event = agent_->GetOOMEvent({});
    if (!event.ok()) break;
    if (options_.on_oom) options_.on_oom(event->container_id());
  }
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return closed_; });
    changed_.wait_for(lock, kLostAgentGrace, [this] { return vm_ended_; });
    if (vm_ended_) return;
  }
  log::Error("agent lost, stopping the VM");
  options_.on_lost("the connection to its agent was lost");
}

void AgentWatch::CheckHealth() {
  const std::chrono::seconds limit = options_.silence_limit;
  while (true) {
    {
      std::unique_lock lock(mutex_);
      if (changed_.wait_for(lock, std::min(limit, kHealthInterval), [this] { return vm_ended_; })) return;
      unanswered_since_ = steady_clock::now();
      changed_.notify_all();
    }
    // Any answer is a sign of life, and a lost connection is noticed elsewhere.
    const bool answered = !absl::IsDeadlineExceeded(agent_->Check({}, limit).status());
    if (answered) {
      const std::lock_guard lock(mutex_);
      unanswered_since_.reset();
      changed_.notify_all();
      continue;
    }
    log::Error("agent does not answer, stopping the VM");
    options_.on_lost(StrCat("its agent did not answer for ", limit.count(), " s (vmm.agent_timeout_s)"));
    return;
  }
}

void AgentWatch::WatchSilence() {
  for (int idle = 0; idle < kIdleLooks;) {
    bool late = false;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return vm_ended_ || unanswered_since_.has_value(); });
      const auto check = unanswered_since_;
      const auto before = steady_clock::now();
      const bool over =
          changed_.wait_for(lock, kLook, [&] { return vm_ended_ || unanswered_since_ != check; });
      if (vm_ended_) return;
      if (over) {
        idle = 0;
        continue;
      }
      late = steady_clock::now() - before > kLook + kLate;
    }
    idle = options_.vmm_idle() && !late ? idle + 1 : 0;
  }
  log::Error("agent hangs, stopping the VM");
  options_.on_lost("its agent owes an answer and does nothing for it");
}

}  // namespace cc::shim
