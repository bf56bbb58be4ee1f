// SPDX-License-Identifier: Apache-2.0
#include "agent/init/guest_init.h"

#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string_view>

#include "agent/cgroup/cgroup.h"
#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "net/link.h"

namespace cc::agent {
namespace {

constexpr rlim_t kMaxFiles = 1 << 20;

absl::Status MakeDir(const std::string& path, unsigned mode = 0755) {
  if (::mkdir(path.c_str(), mode) != 0 && errno != EEXIST) return ErrnoStatus(errno, StrCat("create ", path));
  return absl::OkStatus();
}

absl::Status Mount(const char* type, const std::string& target, unsigned long flags,
                   const std::string& data = {}) {
  CC_RETURN_IF_ERROR(MakeDir(target));
  if (::mount(type, target.c_str(), type, flags, data.empty() ? nullptr : data.c_str()) != 0) {
    return ErrnoStatus(errno, StrCat("mount ", type, " on ", target));
  }
  return absl::OkStatus();
}

// pivot_root, which the OCI runtime uses, refuses the kernel's initial root, because that mount has no
// parent. A bind mount of it on top of itself has one; nothing is copied.
absl::Status LeaveInitialRoot() {
  const char* stage = "/.root";
  CC_RETURN_IF_ERROR(MakeDir(stage, 0700));
  if (::mount("/", stage, nullptr, MS_BIND, nullptr) != 0 || ::chdir(stage) != 0 ||
      ::mount(".", "/", nullptr, MS_MOVE, nullptr) != 0 || ::chroot(".") != 0 || ::chdir("/") != 0) {
    return ErrnoStatus(errno, "move to a root that can be pivoted from");
  }
  ::rmdir(stage);
  return absl::OkStatus();
}

absl::Status MountFileSystems(const std::string& cgroup_root) {
  constexpr unsigned long kSafe = MS_NOSUID | MS_NODEV | MS_NOEXEC;
  CC_RETURN_IF_ERROR(Mount("proc", "/proc", kSafe));
  CC_RETURN_IF_ERROR(Mount("sysfs", "/sys", kSafe));
  CC_RETURN_IF_ERROR(Mount("devtmpfs", "/dev", MS_NOSUID));
  CC_RETURN_IF_ERROR(Mount("devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC, "gid=5,mode=620,ptmxmode=666"));
  CC_RETURN_IF_ERROR(Mount("tmpfs", "/dev/shm", MS_NOSUID | MS_NODEV, "mode=1777"));
  // Image layers and writable layers live in /run: nearly all memory may be files, and as many as fit.
  struct sysinfo info {};
  ::sysinfo(&info);
  const uint64_t inodes = static_cast<uint64_t>(info.totalram) * info.mem_unit / 4096;
  CC_RETURN_IF_ERROR(Mount("tmpfs", "/run", MS_NODEV, StrCat("mode=755,size=90%,nr_inodes=", inodes)));
  CC_RETURN_IF_ERROR(Mount("cgroup2", cgroup_root, kSafe, "nsdelegate,memory_recursiveprot"));
  CC_RETURN_IF_ERROR(MakeDir("/tmp"));
  if (::chmod("/tmp", 01777) != 0) return ErrnoStatus(errno, "set mode of /tmp");
  CC_RETURN_IF_ERROR(MakeDir("/run/confidential-containers"));
  return MakeDir("/etc");
}

absl::Status SetUpLoopback() {
  CC_ASSIGN_OR_RETURN(net::Netlink netlink, net::Netlink::Open());
  CC_ASSIGN_OR_RETURN(const net::Link loopback, net::FindLinkByName(netlink, "lo"));
  return net::SetLinkUp(netlink, loopback.index, true);
}

}  // namespace

absl::Status SetUpGuest(const std::string& cgroup_root) {
  ::umask(022);
  ::setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
  CC_RETURN_IF_ERROR(LeaveInitialRoot());
  CC_RETURN_IF_ERROR(MountFileSystems(cgroup_root));
  CC_RETURN_IF_ERROR(EnableControllers(cgroup_root));
  CC_RETURN_IF_ERROR(SetUpLoopback());
  const rlimit files{.rlim_cur = kMaxFiles, .rlim_max = kMaxFiles};
  ::setrlimit(RLIMIT_NOFILE, &files);
  // Until CreateSandbox names the pod; the kernel's own "(none)" is no host name.
  constexpr std::string_view kHostname = "localhost";
  if (::sethostname(kHostname.data(), kHostname.size()) != 0) return ErrnoStatus(errno, "set the host name");
  return absl::OkStatus();
}

void PowerOff() {
  ::sync();
  ::reboot(RB_POWER_OFF);
  // Without a way to switch off, a restart also ends the guest: it is started with -no-reboot.
  ::reboot(RB_AUTOBOOT);
  ::_exit(1);
}

}  // namespace cc::agent
