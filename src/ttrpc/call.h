// SPDX-License-Identifier: Apache-2.0
// One call in flight on a server: what its handler sees, and how others cancel it. Thread-safe.
#ifndef CC_TTRPC_CALL_H_
#define CC_TTRPC_CALL_H_

#include <condition_variable>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "ttrpc/server.h"

namespace cc::ttrpc {

class Call : public CallContext {
 public:
  using Deadline = std::optional<std::chrono::steady_clock::time_point>;
  using Metadata = std::vector<std::pair<std::string, std::string>>;

  Call(Deadline deadline, Metadata metadata) : deadline_(deadline), metadata_(std::move(metadata)) {}

  Deadline deadline() const override { return deadline_; }
  const Metadata& metadata() const override { return metadata_; }
  bool cancelled() const override;
  void OnCancel(std::function<void()> callback) const override;

  // Runs the callbacks in this thread. No effect when cancelled already or finished.
  void Cancel();
  // The handler has returned: drops the callbacks and waits for those that run, since they may refer to what
  // the handler had on its stack.
  void Finish();

 private:
  const Deadline deadline_;
  const Metadata metadata_;
  mutable std::mutex mutex_;
  std::condition_variable callbacks_ran_;
  mutable std::vector<std::function<void()>> callbacks_;
  bool cancelled_ = false;
  bool running_callbacks_ = false;
  bool finished_ = false;
};

}  // namespace cc::ttrpc

#endif  // CC_TTRPC_CALL_H_
