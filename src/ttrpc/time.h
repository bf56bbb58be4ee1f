// SPDX-License-Identifier: Apache-2.0
#ifndef CC_TTRPC_TIME_H_
#define CC_TTRPC_TIME_H_

#include <algorithm>
#include <chrono>
#include <optional>

namespace cc::ttrpc {

// The time `timeout` from now; nullopt = never. A timeout that a peer made absurdly long cannot overflow.
inline std::optional<std::chrono::steady_clock::time_point> DeadlineAfter(
    std::optional<std::chrono::nanoseconds> timeout) {
  constexpr std::chrono::nanoseconds kLimit = std::chrono::hours(24 * 365);
  if (!timeout) return std::nullopt;
  return std::chrono::steady_clock::now() + std::clamp(*timeout, -kLimit, kLimit);
}

}  // namespace cc::ttrpc

#endif  // CC_TTRPC_TIME_H_
