// SPDX-License-Identifier: Apache-2.0
#include "vmm/qemu/accelerator.h"

#include <fcntl.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>

#include "base/file.h"
#include "base/status.h"
#include "base/strings.h"

namespace cc::vmm::qemu {
namespace {

constexpr std::string_view kUseTcg = "set accel = \"tcg\" or \"auto\" to emulate instead";

// The words of the first "flags" line.
bool HasVirtualizationFlag(std::string_view cpuinfo) {
  for (std::string_view line : StrSplit(cpuinfo, '\n')) {
    if (!line.starts_with("flags")) continue;
    for (std::string_view flag : StrSplit(line, ' ')) {
      if (flag == "vmx" || flag == "svm") return true;
    }
    return false;
  }
  return false;
}

}  // namespace

std::string HostArch() {
#if defined(__x86_64__)
  return "x86_64";
#elif defined(__aarch64__)
  return "aarch64";
#else
#error "unknown host architecture"
#endif
}

absl::Status CheckX86(const HostPaths& host) {
  if (::access(StrCat(host.modules, "/kvm_pvm").c_str(), F_OK) == 0) {
    return absl::FailedPreconditionError(
        StrCat(host.kvm_device, " is served by kvm_pvm, which cannot boot a stock kernel; ", kUseTcg));
  }
  CC_ASSIGN_OR_RETURN(const std::string cpuinfo, ReadFile(host.cpuinfo));
  if (!HasVirtualizationFlag(cpuinfo)) {
    return absl::FailedPreconditionError(
        StrCat("the processor shows neither vmx nor svm; enable virtualization in the firmware (or nested "
               "virtualization on the host of this VM), or ",
               kUseTcg));
  }
  return absl::OkStatus();
}

absl::Status CheckKvm(const std::string& guest_arch, const HostPaths& host) {
  if (guest_arch != HostArch()) {
    return absl::FailedPreconditionError(
        StrCat("KVM cannot run a guest of ", guest_arch, " on a host of ", HostArch(), "; ", kUseTcg));
  }
  const UniqueFd kvm(::open(host.kvm_device.c_str(), O_RDWR | O_CLOEXEC));
  if (!kvm && (errno == EACCES || errno == EPERM)) {
    return absl::PermissionDeniedError(
        StrCat("no permission to open ", host.kvm_device, "; run as root, join its group, or ", kUseTcg));
  }
  if (!kvm) {
    return absl::FailedPreconditionError(StrCat("cannot open ", host.kvm_device, ": ",
                                                MessageOf(ErrnoStatus(errno, "open")),
                                                "; load the kvm module of this machine, or ", kUseTcg));
  }
  if (::ioctl(kvm.get(), KVM_GET_API_VERSION, 0) != KVM_API_VERSION) {
    return absl::FailedPreconditionError(
        StrCat(host.kvm_device, " does not answer as KVM API version ", KVM_API_VERSION, "; ", kUseTcg));
  }
  return guest_arch == "x86_64" ? CheckX86(host) : absl::OkStatus();
}

absl::StatusOr<AcceleratorChoice> ChooseAccelerator(Accel wanted, const std::string& guest_arch,
                                                    const HostPaths& host) {
  if (wanted == Accel::kTcg) return AcceleratorChoice{Accel::kTcg, "emulation was asked for"};
  const absl::Status kvm = CheckKvm(guest_arch, host);
  if (kvm.ok()) return AcceleratorChoice{Accel::kKvm, "KVM is usable"};
  if (wanted == Accel::kKvm) return kvm;
  return AcceleratorChoice{Accel::kTcg, StrCat("emulation, because ", MessageOf(kvm))};
}

}  // namespace cc::vmm::qemu
