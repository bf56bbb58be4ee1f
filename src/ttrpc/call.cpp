// SPDX-License-Identifier: Apache-2.0
#include "ttrpc/call.h"

namespace cc::ttrpc {

bool Call::cancelled() const {
  std::lock_guard lock(mutex_);
  return cancelled_;
}

void Call::OnCancel(std::function<void()> callback) const {
  {
    std::lock_guard lock(mutex_);
    if (finished_) return;
    if (!cancelled_) {
      callbacks_.push_back(std::move(callback));
      return;
    }
  }
  callback();
}

void Call::Cancel() {
  std::vector<std::function<void()>> callbacks;
  {
    std::lock_guard lock(mutex_);
    if (cancelled_ || finished_) return;
    cancelled_ = true;
    running_callbacks_ = true;
    callbacks.swap(callbacks_);
  }
  for (const std::function<void()>& callback : callbacks) callback();
  callbacks.clear();
  std::lock_guard lock(mutex_);
  running_callbacks_ = false;
  callbacks_ran_.notify_all();
}

void Call::Finish() {
  std::vector<std::function<void()>> dropped;
  std::unique_lock lock(mutex_);
  finished_ = true;
  dropped.swap(callbacks_);
  callbacks_ran_.wait(lock, [&] { return !running_callbacks_; });
}

}  // namespace cc::ttrpc
