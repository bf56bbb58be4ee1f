// SPDX-License-Identifier: Apache-2.0
// Results of KVM's calls as statuses, and which of them are worth another try.
#ifndef CC_CCA_REALM_CALL_H_
#define CC_CCA_REALM_CALL_H_

#include <sched.h>

#include <cerrno>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "base/status.h"
#include "base/strings.h"

namespace cc::cca::realm {

// EAGAIN (the RMM or another vCPU is in the way) is tried this often, with a chance for others to run.
inline constexpr int kMaxTries = 10000;

// `call` until it gives something else than EINTR or EAGAIN.
template <typename Call>
int Retry(Call&& call) {
  int result = call();
  for (int tries = 1; (result == -EINTR || result == -EAGAIN) && tries < kMaxTries; ++tries) {
    ::sched_yield();
    result = call();
  }
  return result;
}

// "<what>: <text of the error>" for a result below 0.
inline absl::Status Checked(int result, std::string_view what) {
  return result >= 0 ? absl::OkStatus() : ErrnoStatus(-result, what);
}

std::string HexNumber(uint64_t number);  // 0x1000

inline std::string RangeText(uint64_t base, uint64_t size) {
  return StrCat("[", HexNumber(base), ", +", HexNumber(size), ")");
}

}  // namespace cc::cca::realm

#endif  // CC_CCA_REALM_CALL_H_
