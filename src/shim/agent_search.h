// SPDX-License-Identifier: Apache-2.0
// Finds the agent of a guest that is booting. Ours says when it is there, by connecting to the ready port;
// another one is found by dialling.
#ifndef CC_SHIM_AGENT_SEARCH_H_
#define CC_SHIM_AGENT_SEARCH_H_

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>

#include "absl/status/statusor.h"
#include "base/unique_fd.h"

namespace cc::shim {

// Cancel may be called from any thread at any time, also before and after Run.
class AgentSearch {
 public:
  using Dial = std::function<absl::StatusOr<UniqueFd>()>;  // one try; an error means "not yet"

  // `ready` is the listening socket of the ready port.
  AgentSearch(UniqueFd ready, Dial dial) : ready_(std::move(ready)), dial_(std::move(dial)) {}

  // Once. Returns a stream to the agent; Unavailable after Cancel, DeadlineExceeded after `limit`.
  absl::StatusOr<UniqueFd> Run(std::chrono::seconds limit);
  // There is nothing to be found any more.
  void Cancel();

 private:
  absl::StatusOr<UniqueFd> DialUntil(std::chrono::steady_clock::time_point deadline);
  // Returns when the next try is due; false when cancelled.
  bool AwaitNextTry(std::chrono::milliseconds delay);

  const UniqueFd ready_;
  const Dial dial_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool pushed_ = false;  // the agent has said that it is there, and nobody has dialled since
  bool cancelled_ = false;
};

}  // namespace cc::shim

#endif  // CC_SHIM_AGENT_SEARCH_H_
