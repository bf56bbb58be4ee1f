// SPDX-License-Identifier: Apache-2.0
#include "progress.h"

#include <unistd.h>

#include <iostream>

namespace cc::ccctl {
namespace {

// Short work needs no words.
constexpr std::chrono::seconds kFirst(2);
constexpr std::chrono::milliseconds kEachOnTerminal(200);
constexpr std::chrono::seconds kEachElsewhere(10);

}  // namespace

ProgressLine::ProgressLine() : terminal_(::isatty(STDERR_FILENO) == 1), next_(Clock::now() + kFirst) {}

ProgressLine::~ProgressLine() {
  if (shown_ && terminal_) std::cerr << "\n";
}

void ProgressLine::Show(const std::string& text) {
  const Clock::time_point now = Clock::now();
  if (now < next_) return;
  shown_ = true;
  if (terminal_) {
    std::cerr << "\r\x1b[K" << text << std::flush;
    next_ = now + kEachOnTerminal;
  } else {
    std::cerr << text << std::endl;
    next_ = now + kEachElsewhere;
  }
}

}  // namespace cc::ccctl
