// SPDX-License-Identifier: Apache-2.0
#include "vmm/qemu/tsc.h"

#include <time.h>

#include <algorithm>

#if defined(__x86_64__)
#include <cpuid.h>
#include <x86intrin.h>
#endif

namespace cc::vmm::qemu {
namespace {

#if defined(__x86_64__)

constexpr int64_t kMeasureNanoseconds = 5'000'000;

struct Sample {
  uint64_t ticks;
  int64_t nanoseconds;
};

int64_t MonotonicNanoseconds() {
  timespec now;
  ::clock_gettime(CLOCK_MONOTONIC_RAW, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

// The pair read closest together out of a few: an interrupt in between would spoil the measurement.
Sample TakeSample() {
  Sample best{};
  uint64_t shortest = UINT64_MAX;
  for (int i = 0; i < 16; ++i) {
    const uint64_t before = __rdtsc();
    const int64_t now = MonotonicNanoseconds();
    const uint64_t took = __rdtsc() - before;
    if (took >= shortest) continue;
    shortest = took;
    best = {before + took / 2, now};
  }
  return best;
}

uint64_t MeasureKhz() {
  const Sample start = TakeSample();
  const timespec pause{.tv_sec = 0, .tv_nsec = kMeasureNanoseconds};
  ::nanosleep(&pause, nullptr);
  const Sample end = TakeSample();
  const int64_t elapsed = std::max<int64_t>(end.nanoseconds - start.nanoseconds, 1);
  return static_cast<uint64_t>(
      static_cast<double>(end.ticks - start.ticks) * 1e6 / static_cast<double>(elapsed) + 0.5);
}

// CPUID leaf 0x15: crystal clock and its ratio to the counter. 0 where the processor does not say.
uint64_t CpuidKhz() {
  unsigned denominator = 0, numerator = 0, crystal_hz = 0, unused = 0;
  if (__get_cpuid(0x15, &denominator, &numerator, &crystal_hz, &unused) == 0 || denominator == 0) return 0;
  return uint64_t{crystal_hz} * numerator / denominator / 1000;
}

uint64_t TickKhz() {
  const uint64_t khz = CpuidKhz();
  return khz != 0 ? khz : MeasureKhz();
}

#elif defined(__aarch64__)

uint64_t TickKhz() {
  uint64_t hz;
  asm("mrs %0, cntfrq_el0" : "=r"(hz));
  return hz / 1000;
}

#else
#error "no tick source for this host architecture"
#endif

}  // namespace

uint64_t HostTickKhz() {
  static const uint64_t khz = TickKhz();
  return khz;
}

}  // namespace cc::vmm::qemu
