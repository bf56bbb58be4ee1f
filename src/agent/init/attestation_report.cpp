// SPDX-License-Identifier: Apache-2.0
#include "agent/init/attestation_report.h"

#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>

#include "agent/init/modules.h"
#include "base/status.h"
#include "base/strings.h"

namespace cc::agent {
namespace {

constexpr char kConfigFs[] = "/sys/kernel/config";

}  // namespace

bool InRealm(const std::string& device) { return ::access(device.c_str(), F_OK) == 0; }

absl::Status OfferAttestationReports(const std::string& module_list) {
  CC_ASSIGN_OR_RETURN(const std::vector<KernelModule> modules, ReadModuleList(module_list));
  for (const KernelModule& module : modules) CC_RETURN_IF_ERROR(LoadModule(module));
  constexpr unsigned long kSafe = MS_NOSUID | MS_NODEV | MS_NOEXEC;
  if (::mount("configfs", kConfigFs, "configfs", kSafe, nullptr) != 0 && errno != EBUSY) {
    return ErrnoStatus(errno, StrCat("mount configfs on ", kConfigFs));
  }
  return absl::OkStatus();
}

}  // namespace cc::agent
