// SPDX-License-Identifier: Apache-2.0
// Security lifecycle of a CCA platform (draft-ffm-rats-cca-token, "Security Lifecycle"): bits 15 to 8 say the
// state, bits 7 to 0 are the implementation's own.
#ifndef CC_CCA_LIFECYCLE_H_
#define CC_CCA_LIFECYCLE_H_

#include <cstdint>
#include <string_view>

namespace cc::cca {

enum class Lifecycle {
  kUnknown,
  kAssemblyAndTest,
  kPlatformRotProvisioning,
  kSecured,
  kNonPlatformRotDebug,          // debug outside the platform's root of trust; secrets may be seen
  kRecoverablePlatformRotDebug,  // debug of the root of trust itself
  kDecommissioned,
  kInvalid,  // none of the states
};

Lifecycle LifecycleOf(uint16_t claim);

// "secured", "non-cca-platform-rot-debug", …
std::string_view LifecycleName(Lifecycle state);

inline bool IsDebug(Lifecycle state) {
  return state == Lifecycle::kNonPlatformRotDebug || state == Lifecycle::kRecoverablePlatformRotDebug;
}

}  // namespace cc::cca

#endif  // CC_CCA_LIFECYCLE_H_
