// SPDX-License-Identifier: Apache-2.0
// Runs the data hub beside the agent. Nobody waits for it to start; one that ends is started again, a few
// times. Main thread only: that is where its end is reported (Reaper).
#ifndef CC_AGENT_INIT_DATA_HUB_H_
#define CC_AGENT_INIT_DATA_HUB_H_

#include <string>

#include "agent/run/reaper.h"

namespace cc::agent {

class DataHub {
 public:
  DataHub(std::string program, Reaper* reaper) : program_(std::move(program)), reaper_(reaper) {}

  // A guest image without the program has no data hub; that is logged.
  void Start();

 private:
  const std::string program_;
  Reaper* const reaper_;
  int starts_ = 0;
};

}  // namespace cc::agent

#endif  // CC_AGENT_INIT_DATA_HUB_H_
