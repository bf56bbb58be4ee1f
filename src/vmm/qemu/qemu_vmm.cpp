// SPDX-License-Identifier: Apache-2.0
#include "vmm/qemu/qemu_vmm.h"

#include <fcntl.h>

#include "base/file.h"
#include "base/process.h"
#include "base/status.h"
#include "base/strings.h"
#include "vmm/device_check.h"
#include "vmm/qemu/command_line.h"
#include "vmm/qemu/devices.h"
#include "vmm/qemu/qemu_vm.h"

namespace cc::vmm::qemu {
namespace {

constexpr uint32_t kMinMemoryMib = 64;
constexpr uint32_t kMaxMemoryMib = 1U << 20;
constexpr uint32_t kMaxVcpus = 256;

std::string Binary(const VmSpec& spec) {
  return spec.binary.empty() ? DefaultBinary(spec.arch) : spec.binary;
}

// Fails in every case: the reason differs, and with it what the user can do.
absl::Status RefuseRealm(const VmSpec& spec) {
  if (spec.arch != "aarch64") {
    return absl::FailedPreconditionError(
        StrCat("tee = \"cca\" needs an aarch64 guest, not ", spec.arch, "; no pod was started"));
  }
  const absl::StatusOr<Output> objects = Run({.argv = {Binary(spec), "-object", "help"}});
  if (!objects.ok()) return objects.status();
  if (objects->out.find("rme-guest") == std::string::npos) {
    return absl::FailedPreconditionError(StrCat("tee = \"cca\": ", Binary(spec),
                                                " has no rme-guest object, so it cannot start a Realm; use a "
                                                "QEMU with Arm CCA support. No pod was started"));
  }
  return absl::FailedPreconditionError(
      "tee = \"cca\": the qemu back end of this version does not start Realms, and will not start the pod "
      "without one; set tee = \"none\" for a pod without protection");
}

absl::Status CheckFile(std::string_view what, const std::string& path, std::string_view key) {
  if (path.empty()) return absl::InvalidArgumentError(StrCat("no ", what, " is configured; set ", key));
  const absl::StatusOr<UniqueFd> file = OpenFile(path, O_RDONLY);
  if (!file.ok()) {
    return Annotate(file.status(), StrCat("the guest's ", what,
                                          " is not usable (install the guest image or "
                                          "correct ",
                                          key, " in config.toml)"));
  }
  return absl::OkStatus();
}

absl::Status CheckSizes(const VmSpec& spec) {
  if (spec.arch != "x86_64" && spec.arch != "aarch64") {
    return absl::InvalidArgumentError(
        StrCat("guest architecture ", spec.arch, " is unknown; x86_64 and aarch64 are possible"));
  }
  if (spec.vcpus == 0 || spec.vcpus > kMaxVcpus) {
    return absl::InvalidArgumentError(StrCat(spec.vcpus, " vCPUs; 1 to ", kMaxVcpus, " are possible"));
  }
  if (spec.memory_mib < kMinMemoryMib || spec.memory_mib > kMaxMemoryMib) {
    return absl::InvalidArgumentError(StrCat(spec.memory_mib, " MiB of guest memory; ", kMinMemoryMib, " to ",
                                             kMaxMemoryMib, " are possible"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<AcceleratorChoice> QemuVmm::Check(const VmSpec& spec) const {
  CC_RETURN_IF_ERROR(CheckSizes(spec));
  if (spec.tee != Tee::kNone) return RefuseRealm(spec);
  CC_RETURN_IF_ERROR(CheckFile("kernel", spec.kernel, "kernel"));
  CC_RETURN_IF_ERROR(CheckFile("initramfs", spec.initramfs, "initramfs"));
  CC_RETURN_IF_ERROR(CheckDevices(spec, kMaxDevices));
  return ChooseAccelerator(spec.accel, spec.arch, host_);
}

Capabilities QemuVmm::Probe(const VmSpec& spec) {
  const auto unusable = [](const absl::Status& why) {
    return Capabilities{.usable = false, .accel = Accel::kTcg, .reason = std::string(MessageOf(why))};
  };
  const absl::StatusOr<AcceleratorChoice> choice = Check(spec);
  if (!choice.ok()) return unusable(choice.status());
  const absl::StatusOr<Output> version = Run({.argv = {Binary(spec), "--version"}});
  if (!version.ok()) return unusable(version.status());
  const std::string first_line(SplitOnce(version->out, '\n').first);
  return {.usable = version->exit.Status() == 0,
          .accel = choice->accel,
          .reason = StrCat(first_line, "; ", choice->reason)};
}

absl::StatusOr<std::unique_ptr<Vm>> QemuVmm::Create(const VmSpec& spec) {
  CC_ASSIGN_OR_RETURN(const AcceleratorChoice choice, Check(spec));
  return QemuVm::Create(spec, choice.accel);
}

}  // namespace cc::vmm::qemu
