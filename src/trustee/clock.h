// SPDX-License-Identifier: Apache-2.0
#ifndef CC_TRUSTEE_CLOCK_H_
#define CC_TRUSTEE_CLOCK_H_

#include <cstdint>
#include <ctime>
#include <functional>

namespace cc::trustee {

// Seconds since the epoch. Tests give their own.
using Clock = std::function<int64_t()>;

inline int64_t WallClock() { return static_cast<int64_t>(std::time(nullptr)); }

}  // namespace cc::trustee

#endif  // CC_TRUSTEE_CLOCK_H_
