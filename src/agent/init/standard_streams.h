// SPDX-License-Identifier: Apache-2.0
// Standard streams of PID 1. Where the driver of the console is a module, the kernel starts init without
// them, and the first files that it opens would be taken for its log.
#ifndef CC_AGENT_INIT_STANDARD_STREAMS_H_
#define CC_AGENT_INIT_STANDARD_STREAMS_H_

#include <vector>

namespace cc::agent {

// For a process with one thread.
class StandardStreams {
 public:
  // Takes those of the numbers 0 to 2 that are not open. What is written to them meanwhile is lost.
  StandardStreams();

  // Makes these the console, or /dev/null where there is none. Call when the console's driver is there.
  void Connect(const char* console = "/dev/console") const;

 private:
  std::vector<int> taken_;
};

}  // namespace cc::agent

#endif  // CC_AGENT_INIT_STANDARD_STREAMS_H_
