// SPDX-License-Identifier: Apache-2.0
#include "cca/lifecycle.h"

namespace cc::cca {
namespace {

struct State {
  uint16_t bits;
  Lifecycle state;
  std::string_view name;
};
constexpr State kStates[] = {
    {0x00, Lifecycle::kUnknown, "unknown"},
    {0x10, Lifecycle::kAssemblyAndTest, "assembly-and-test"},
    {0x20, Lifecycle::kPlatformRotProvisioning, "cca-platform-rot-provisioning"},
    {0x30, Lifecycle::kSecured, "secured"},
    {0x40, Lifecycle::kNonPlatformRotDebug, "non-cca-platform-rot-debug"},
    {0x50, Lifecycle::kRecoverablePlatformRotDebug, "recoverable-cca-platform-rot-debug"},
    {0x60, Lifecycle::kDecommissioned, "decommissioned"},
};

}  // namespace

Lifecycle LifecycleOf(uint16_t claim) {
  for (const State& state : kStates) {
    if (state.bits == claim >> 8) return state.state;
  }
  return Lifecycle::kInvalid;
}

std::string_view LifecycleName(Lifecycle wanted) {
  for (const State& state : kStates) {
    if (state.state == wanted) return state.name;
  }
  return "invalid";
}

}  // namespace cc::cca
