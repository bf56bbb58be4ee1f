// SPDX-License-Identifier: Apache-2.0
#include "ttrpc/deadline_queue.h"

#include "base/status.h"

namespace cc::ttrpc {

DeadlineQueue::~DeadlineQueue() {
  {
    std::lock_guard lock(mutex_);
    stopped_ = true;
    changed_.notify_one();
  }
  thread_.Join();
}

absl::StatusOr<DeadlineQueue::Key> DeadlineQueue::Add(Time when, std::function<void()> fire) {
  std::lock_guard lock(mutex_);
  if (!thread_.joinable()) {
    CC_ASSIGN_OR_RETURN(thread_, Thread::Start("ttrpc-deadline", [this] { Work(); }));
  }
  const Key key(when, next_++);
  const auto added = entries_.emplace(key, std::move(fire)).first;
  if (added == entries_.begin()) changed_.notify_one();
  return key;
}

void DeadlineQueue::Remove(const Key& key) {
  std::function<void()> dropped;  // destroyed outside the lock
  std::lock_guard lock(mutex_);
  const auto found = entries_.find(key);
  if (found == entries_.end()) return;
  dropped = std::move(found->second);
  entries_.erase(found);
}

void DeadlineQueue::Work() {
  std::unique_lock lock(mutex_);
  while (!stopped_) {
    if (entries_.empty()) {
      changed_.wait(lock);
      continue;
    }
    const auto first = entries_.begin();
    const Time when = first->first.first;
    if (std::chrono::steady_clock::now() < when) {
      changed_.wait_until(lock, when);
      continue;
    }
    {
      const std::function<void()> fire = std::move(first->second);
      entries_.erase(first);
      lock.unlock();
      fire();
    }
    lock.lock();
  }
}

}  // namespace cc::ttrpc
