// SPDX-License-Identifier: Apache-2.0
// Tells a process that has nothing to do, or is stopped, from one that works or is kept from working.
#ifndef CC_SHIM_IDLE_PROBE_H_
#define CC_SHIM_IDLE_PROBE_H_

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <map>

namespace cc::shim {

// Thread-compatible.
class IdleProbe {
 public:
  // Of a whole process, all of its threads. A thread may run and wait for a processor this much between two
  // looks and still be called idle: kernels tick.
  explicit IdleProbe(pid_t pid, std::chrono::nanoseconds tolerated = std::chrono::milliseconds(100))
      : pid_(pid), tolerated_(tolerated) {}

  // True when since the last look no thread ran or waited for a processor worth mentioning, none waits for a
  // disk (or is frozen, or under a debugger), and nothing was paged in. False at the first look, and whenever
  // it cannot be told (no /proc/<pid>/task/<tid>/schedstat, threads that came or went).
  bool IdleSinceLastLook();

 private:
  struct Look {
    std::map<pid_t, uint64_t> busy_ns;  // of each thread: has run, or was kept waiting for a processor
    uint64_t major_faults = 0;
    bool blocked = false;  // a thread cannot go on by itself
    bool known = false;
  };
  Look LookNow() const;

  const pid_t pid_;
  const std::chrono::nanoseconds tolerated_;
  Look last_;
};

}  // namespace cc::shim

#endif  // CC_SHIM_IDLE_PROBE_H_
