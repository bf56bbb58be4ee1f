// SPDX-License-Identifier: Apache-2.0
#include "attest/kbs/session_cache.h"

namespace cc::attest {

absl::StatusOr<SessionPtr> SessionCache::Get() {
  std::unique_lock lock(mutex_);
  if (current_ != nullptr && clock_() < current_->fresh_until) return current_;
  if (flight_ != nullptr) {
    const std::shared_ptr<Flight> flight = flight_;
    landed_.wait(lock, [&] { return flight->landed; });
    return flight->result;
  }
  const std::shared_ptr<Flight> flight = flight_ = std::make_shared<Flight>();
  lock.unlock();
  absl::StatusOr<Session> session = make_();
  lock.lock();
  if (session.ok()) {
    flight->result = std::make_shared<const Session>(*std::move(session));
    current_ = *flight->result;
  } else {
    flight->result = session.status();
  }
  flight->landed = true;
  flight_.reset();
  landed_.notify_all();
  return flight->result;
}

SessionPtr SessionCache::Current() {
  std::lock_guard lock(mutex_);
  return current_;
}

void SessionCache::Drop(const SessionPtr& session) {
  std::lock_guard lock(mutex_);
  if (current_ == session) current_.reset();
}

}  // namespace cc::attest
