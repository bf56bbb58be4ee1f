// SPDX-License-Identifier: Apache-2.0
// For tests: a call that can be cancelled by hand.
#ifndef CC_SHIM_FAKE_CALL_H_
#define CC_SHIM_FAKE_CALL_H_

#include <functional>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "ttrpc/server.h"

namespace cc::shim {

class FakeCall : public ttrpc::CallContext {
 public:
  std::optional<std::chrono::steady_clock::time_point> deadline() const override { return std::nullopt; }
  const std::vector<std::pair<std::string, std::string>>& metadata() const override { return metadata_; }
  bool cancelled() const override {
    const std::lock_guard lock(mutex_);
    return cancelled_;
  }
  void OnCancel(std::function<void()> callback) const override {
    {
      const std::lock_guard lock(mutex_);
      if (!cancelled_) {
        callbacks_.push_back(std::move(callback));
        return;
      }
    }
    callback();
  }
  void Cancel() {
    std::vector<std::function<void()>> callbacks;
    {
      const std::lock_guard lock(mutex_);
      cancelled_ = true;
      callbacks.swap(callbacks_);
    }
    for (const auto& callback : callbacks) callback();
  }

 private:
  const std::vector<std::pair<std::string, std::string>> metadata_;
  mutable std::mutex mutex_;
  bool cancelled_ = false;
  mutable std::vector<std::function<void()>> callbacks_;
};

}  // namespace cc::shim

#endif  // CC_SHIM_FAKE_CALL_H_
