// SPDX-License-Identifier: Apache-2.0
// A line about work that takes a while: rewritten in place on a terminal, a new line every few seconds
// elsewhere. On standard error, so that output can be piped.
#ifndef CC_CMD_CCCTL_PROGRESS_H_
#define CC_CMD_CCCTL_PROGRESS_H_

#include <chrono>
#include <string>

namespace cc::ccctl {

// Thread-compatible.
class ProgressLine {
 public:
  ProgressLine();
  ~ProgressLine();  // ends the line
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  // Cheap to call often.
  void Show(const std::string& text);

 private:
  using Clock = std::chrono::steady_clock;
  const bool terminal_;
  bool shown_ = false;
  Clock::time_point next_;
};

}  // namespace cc::ccctl

#endif  // CC_CMD_CCCTL_PROGRESS_H_
