// SPDX-License-Identifier: Apache-2.0
#include "vmm/kvm/kvm_vmm.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "base/file.h"
#include "base/status.h"
#include "base/strings.h"
#include "base/unique_fd.h"
#include "cca/realm/kvm_calls.h"
#include "cca/realm/probe.h"
#include "vmm/device_check.h"
#include "vmm/kvm/kvm_vm.h"
#include "vmm/kvm/machine/machine.h"

namespace cc::vmm::kvm {
namespace {

constexpr unsigned long kGetApiVersion = 0xae00;  // KVM_GET_API_VERSION
constexpr int kApiVersion = 12;
constexpr char kProgramName[] = "cc-vmm";

std::string MachineName() {
  utsname names{};
  ::uname(&names);
  return names.machine;
}

absl::Status CheckKvm(const std::string& path) {
  const UniqueFd device(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (!device && errno == ENOENT) {
    return absl::FailedPreconditionError(StrCat(
        path,
        " does not exist: the kernel has no KVM or was not started at EL2; use backend = \"qemu\" here"));
  }
  if (!device) {
    return Annotate(ErrnoStatus(errno, StrCat("open ", path)),
                    "KVM is not usable (the shim must run as root)");
  }
  if (::ioctl(device.get(), kGetApiVersion, 0) != kApiVersion) {
    return absl::FailedPreconditionError(StrCat(path, " is no KVM that cc-vmm knows"));
  }
  return absl::OkStatus();
}

// The guest's own limits are looked at when it is made.
absl::Status CheckRealm(const std::string& device) {
  cca::realm::ProbeRequest request;
  request.device = device;
  request.ipa_bits = 32;
  request.page_size = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  const cca::realm::RealmSupport support = cca::realm::ProbeRealm(cca::realm::RealKvm(), request);
  if (support.usable()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      StrCat("tee = \"cca\" is not possible here: ", support.finding, "; ", support.fix));
}

absl::Status CheckFile(std::string_view what, const std::string& path, std::string_view key) {
  if (path.empty()) return absl::InvalidArgumentError(StrCat("no ", what, " is configured; set ", key));
  return Annotate(OpenFile(path, O_RDONLY).status(),
                  StrCat("the guest's ", what, " is not usable (install the guest image or correct ", key,
                         " in config.toml)"));
}

}  // namespace

KvmVmm::KvmVmm(Host host) : host_(std::move(host)) {
  if (host_.arch.empty()) host_.arch = MachineName();
}

std::string KvmVmm::Program(const VmSpec& spec) const {
  if (!spec.binary.empty()) return spec.binary;
  if (!host_.program.empty()) return host_.program;
  std::error_code error;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  const std::string beside = (self.parent_path() / kProgramName).string();
  return !error && ::access(beside.c_str(), X_OK) == 0 ? beside : kProgramName;
}

absl::Status KvmVmm::Check(const VmSpec& spec) const {
  if (host_.arch != "aarch64" || spec.arch != "aarch64") {
    return absl::FailedPreconditionError(
        StrCat("backend = \"kvm\" runs aarch64 guests on aarch64 machines; this machine is ", host_.arch,
               " and the guest ", spec.arch, "; use backend = \"qemu\""));
  }
  if (spec.accel == Accel::kTcg) {
    return absl::InvalidArgumentError(
        "backend = \"kvm\" cannot emulate; set accel = \"auto\" or backend = \"qemu\"");
  }
  CC_RETURN_IF_ERROR(CheckKvm(host_.kvm_device));
  if (spec.tee == Tee::kCca) CC_RETURN_IF_ERROR(CheckRealm(host_.kvm_device));
  CC_RETURN_IF_ERROR(CheckFile("kernel", spec.kernel, "kernel"));
  CC_RETURN_IF_ERROR(CheckFile("initramfs", spec.initramfs, "initramfs"));
  return CheckDevices(spec, kMaxNicsAndDisks);
}

Capabilities KvmVmm::Probe(const VmSpec& spec) {
  if (const absl::Status status = Check(spec); !status.ok()) {
    return {.usable = false, .accel = Accel::kKvm, .reason = std::string(MessageOf(status))};
  }
  return {.usable = true, .accel = Accel::kKvm, .reason = StrCat(Program(spec), " on ", host_.kvm_device)};
}

absl::StatusOr<std::unique_ptr<Vm>> KvmVmm::Create(const VmSpec& spec) {
  CC_RETURN_IF_ERROR(Check(spec));
  return KvmVm::Create(spec, Program(spec));
}

}  // namespace cc::vmm::kvm
