// SPDX-License-Identifier: Apache-2.0
// Runs the data hub beside the agent. Nobody waits for it to start; one that ends is started again, a few
// times. Main thread only: that is where its end is reported (Reaper).
#ifndef CC_AGENT_INIT_DATA_HUB_H_
#define CC_AGENT_INIT_DATA_HUB_H_

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "agent/run/reaper.h"

namespace cc::agent {

class DataHub {
 public:
  // `refused` is called when the hardware does not vouch for the initdata; the data hub stays down then.
  DataHub(std::string program, std::vector<std::string> arguments, Reaper* reaper,
          std::function<void()> refused)
      : program_(std::move(program)),
        arguments_(std::move(arguments)),
        reaper_(reaper),
        refused_(std::move(refused)) {}

  // A guest image without the program has no data hub; that is logged.
  void Start();

 private:
  const std::string program_;
  const std::vector<std::string> arguments_;
  Reaper* const reaper_;
  const std::function<void()> refused_;
  int starts_ = 0;
};

}  // namespace cc::agent

#endif  // CC_AGENT_INIT_DATA_HUB_H_
