// SPDX-License-Identifier: Apache-2.0
// What a fuzz target is. A file x_fuzz.cpp beside a parser of hostile bytes defines MakeTarget; cc_fuzz
// (CMake) makes a program of it: with libFuzzer under preset fuzz, else one that runs the seeds, as a test of
// every build.
#ifndef CC_BASE_FUZZ_H_
#define CC_BASE_FUZZ_H_

#include <fcntl.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.h"

namespace cc::fuzz {

struct Target {
  // Well-formed inputs to start from, and every input that once found a fault.
  std::vector<std::string> seeds;
  // Must return for any input, crash for none, and leave nothing behind. Check says what else must hold.
  std::function<void(std::string_view input)> run;
};

Target MakeTarget();

// For the programs: what is said about each bad input would be all that they do.
inline void SilenceLog() { log::Init({.fd = ::open("/dev/null", O_WRONLY | O_CLOEXEC), .component = {}}); }

// Ends the program when a promise to the caller is broken.
inline void Check(bool holds, const char* promise) {
  if (holds) return;
  std::fprintf(stderr, "broken promise: %s\n", promise);
  std::abort();
}

// An input taken apart from its front. Past its end everything reads as zero.
class Bytes {
 public:
  explicit Bytes(std::string_view input) : rest_(input) {}

  bool empty() const { return rest_.empty(); }
  std::string_view Take(size_t size) {
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(taken.size());
    return taken;
  }
  std::string_view Rest() { return Take(rest_.size()); }
  template <typename Number>
  Number Get() {
    Number value{};
    const std::string_view taken = Take(sizeof(value));
    std::memcpy(&value, taken.data(), taken.size());
    return value;
  }
  uint8_t Byte() { return Get<uint8_t>(); }
  uint32_t Below(uint32_t limit) { return Get<uint32_t>() % limit; }

 private:
  std::string_view rest_;
};

}  // namespace cc::fuzz

#endif  // CC_BASE_FUZZ_H_
