// SPDX-License-Identifier: Apache-2.0
// Runs the data hub beside the agent. Nobody waits for it to start, but for its verdict on initdata in a
// Realm; one that ends is started again, a few times. Main thread only: that is where its end is reported
// (Reaper).
#ifndef CC_AGENT_INIT_DATA_HUB_H_
#define CC_AGENT_INIT_DATA_HUB_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/run/reaper.h"
#include "initdata/verdict.h"

namespace cc::agent {

class DataHub {
 public:
  // `socket` is the data hub's, beside which it leaves its last words.
  DataHub(std::string program, std::vector<std::string> arguments, std::string socket, Reaper* reaper)
      : program_(std::move(program)),
        arguments_(std::move(arguments)),
        socket_(std::move(socket)),
        reaper_(reaper) {}

  // A guest image without the program has no data hub; that is logged.
  void Start();

  // Starts it, and blocks until it has said whether the hardware vouches for the initdata that its arguments
  // name. PermissionDenied with the reason when not; an error, too, when it ends without a word.
  absl::StatusOr<initdata::Binding> StartForVerdict();

 private:
  // `verdict` >= 0 becomes the child's descriptor kVerdictFd.
  absl::Status Launch(int verdict);
  void Ended(int status);
  // Whoever waits for the data hub learns that it does not come (PullImage).
  void GiveUp(const std::string& reason) const;

  const std::string program_;
  const std::vector<std::string> arguments_;
  const std::string socket_;
  Reaper* const reaper_;
  int starts_ = 0;
};

}  // namespace cc::agent

#endif  // CC_AGENT_INIT_DATA_HUB_H_
