// SPDX-License-Identifier: Apache-2.0
// The kernel's interface to attestation reports (configfs-tsm), where the guest is a Realm of Arm CCA.
#ifndef CC_AGENT_INIT_ATTESTATION_REPORT_H_
#define CC_AGENT_INIT_ATTESTATION_REPORT_H_

#include <string>

#include "absl/status/status.h"

namespace cc::agent {

// A kernel that found itself in a Realm at boot makes this device for its report driver, built in or not
// (arch/arm64/kernel/rsi.c, Linux 6.13 and later).
inline constexpr char kRealmDevice[] = "/sys/devices/platform/arm-cca-dev";

bool InRealm(const std::string& device = kRealmDevice);

// Loads the modules that the file `module_list` names and mounts configfs, so that
// /sys/kernel/config/tsm/report exists afterwards. For Realms only; elsewhere it would cost time and memory
// for nothing. A kernel that has the drivers built in needs no list.
absl::Status OfferAttestationReports(const std::string& module_list);

}  // namespace cc::agent

#endif  // CC_AGENT_INIT_ATTESTATION_REPORT_H_
