// SPDX-License-Identifier: Apache-2.0
#include "vmm/kvm/jail/privileges.h"

#include <linux/capability.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/status.h"
#include "base/strings.h"

namespace cc::vmm::kvm::jail {
namespace {

absl::Status Lower(__rlimit_resource resource, uint64_t value, const char* name) {
  rlimit limit{};
  if (::getrlimit(resource, &limit) != 0) return ErrnoStatus(errno, StrCat("read the limit ", name));
  limit.rlim_max = std::min<rlim_t>(limit.rlim_max, value);
  limit.rlim_cur = limit.rlim_max;
  if (::setrlimit(resource, &limit) != 0) return ErrnoStatus(errno, StrCat("set the limit ", name));
  return absl::OkStatus();
}

absl::Status Prctl(int option, unsigned long value, const char* what) {
  return ::prctl(option, value, 0, 0, 0) == 0 ? absl::OkStatus() : ErrnoStatus(errno, what);
}

}  // namespace

absl::Status SetLimits(const Limits& limits) {
  ::signal(SIGXFSZ, SIG_IGN);
  CC_RETURN_IF_ERROR(Lower(RLIMIT_CORE, 0, "core"));
  CC_RETURN_IF_ERROR(Lower(RLIMIT_FSIZE, limits.file_bytes, "fsize"));
  CC_RETURN_IF_ERROR(Lower(RLIMIT_NPROC, limits.threads, "nproc"));
  return Lower(RLIMIT_NOFILE, limits.descriptors, "nofile");
}

absl::Status DropPrivileges() {
  CC_RETURN_IF_ERROR(Prctl(PR_SET_NO_NEW_PRIVS, 1, "set no_new_privs"));
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0) {
    return ErrnoStatus(errno, "clear the ambient capabilities");
  }
  // The kernel may know more than our headers; reading tells where they end.
  for (unsigned long capability = 0; ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; ++capability) {
    CC_RETURN_IF_ERROR(Prctl(PR_CAPBSET_DROP, capability, "drop a capability from the bounding set"));
  }
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  const __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {};
  if (::syscall(SYS_capset, &header, none) != 0) return ErrnoStatus(errno, "drop all capabilities");
  return Prctl(PR_SET_DUMPABLE, 0, "forbid to be looked into");
}

}  // namespace cc::vmm::kvm::jail
