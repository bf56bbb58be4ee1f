// SPDX-License-Identifier: Apache-2.0
// A cancel callback that may refer to the handler's stack: when the scope has ended, the callback neither
// runs nor will run.
//
//   bool cancelled = false;  // under mutex_
//   const ttrpc::CancelScope scope(call, [&] { ... lock mutex_, set cancelled, notify ... });
//   std::unique_lock lock(mutex_);
//
// Declare it after what the callback refers to and before any lock that the callback takes: its destructor
// waits for a callback that runs.
#ifndef CC_TTRPC_CANCEL_SCOPE_H_
#define CC_TTRPC_CANCEL_SCOPE_H_

#include <functional>
#include <memory>
#include <mutex>
#include <utility>

#include "ttrpc/server.h"

namespace cc::ttrpc {

class CancelScope {
 public:
  CancelScope(const CallContext& call, std::function<void()> callback)
      : gate_(std::make_shared<Gate>(std::move(callback))) {
    call.OnCancel([gate = gate_] {
      std::lock_guard lock(gate->mutex);
      if (gate->callback) gate->callback();
    });
  }
  ~CancelScope() {
    std::lock_guard lock(gate_->mutex);
    gate_->callback = nullptr;
  }
  CancelScope(const CancelScope&) = delete;
  CancelScope& operator=(const CancelScope&) = delete;

 private:
  struct Gate {
    explicit Gate(std::function<void()> run) : callback(std::move(run)) {}
    std::mutex mutex;
    std::function<void()> callback;
  };
  std::shared_ptr<Gate> gate_;
};

}  // namespace cc::ttrpc

#endif  // CC_TTRPC_CANCEL_SCOPE_H_
