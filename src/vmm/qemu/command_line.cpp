// SPDX-License-Identifier: Apache-2.0
#include "vmm/qemu/command_line.h"

#include "base/strings.h"
#include "vmm/qemu/devices.h"

namespace cc::vmm::qemu {
namespace {

// A comma ends a value in QEMU's option lists unless doubled.
std::string EscapeCommas(std::string_view text) {
  std::string out;
  for (const char c : text) {
    out.push_back(c);
    if (c == ',') out.push_back(c);
  }
  return out;
}

// Processor and machine. Emulated processors are chosen for what the guest needs. x86 "max" has RDRAND (the
// kernel's first entropy) and vectors; without ERMS the kernel copies by words instead of bytes, which
// doubles the speed of vsock. The arm64 model has no pointer authentication, which would cost seconds at
// boot.
std::vector<std::string> Machine(const VmSpec& spec, const Launch& launch) {
  const bool kvm = launch.accel == Accel::kKvm;
  const std::string common = ",memory-backend=ram,dump-guest-core=off";
  if (spec.arch == "aarch64") {
    return {"-machine", StrCat("virt,gic-version=", kvm ? "max" : "3", common), "-cpu",
            kvm ? "host" : "cortex-a57"};
  }
  return {"-machine", StrCat("microvm", common), "-cpu", kvm ? "host" : "max,erms=off,fsrm=off"};
}

}  // namespace

std::string DefaultBinary(const std::string& arch) { return StrCat("qemu-system-", arch); }

std::string KernelParameters(const VmSpec& spec, const Launch& launch) {
  // A panic must end the VM (-no-reboot turns the reset into an exit) and not leave a silent one.
  std::vector<std::string> parameters = {"panic=-1"};
  if (spec.arch == "aarch64") {
    parameters.insert(parameters.end(), {"console=ttyAMA0", "random.trust_bootloader=on"});
  } else {
    parameters.insert(parameters.end(), {"console=ttyS0", "reboot=t", "random.trust_cpu=on"});
    if (launch.accel == Accel::kTcg) {
      // Without a hint the kernel calibrates against the PIT, which hangs on a busy host. Speculation does
      // not exist in emulated code, its mitigations only cost time.
      parameters.insert(parameters.end(), {StrCat("tsc_early_khz=", launch.tick_khz), "tsc=reliable",
                                           "no_timer_check", "mitigations=off"});
    }
  }
  parameters.insert(parameters.end(), spec.cmdline.begin(), spec.cmdline.end());
  return StrJoin(parameters, " ");
}

std::vector<std::string> BuildCommandLine(const VmSpec& spec, const Launch& launch) {
  std::vector<std::string> argv = {spec.binary.empty() ? DefaultBinary(spec.arch) : spec.binary};
  const auto add = [&argv](std::vector<std::string> more) {
    argv.insert(argv.end(), more.begin(), more.end());
  };
  add({"-name", StrCat("guest=", EscapeCommas(spec.id))});
  // Nothing that is not named here: no default devices, no configuration files, no display, no monitor.
  add({"-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"});
  add({"-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"});
  add({"-accel", launch.accel == Accel::kKvm ? "kvm" : "tcg,thread=multi"});
  add(Machine(spec, launch));
  add({"-smp", StrCat(spec.vcpus), "-m", StrCat(spec.memory_mib, "M")});
  // Shared, so that the vsock device can reach it; a memfd, so that it has no name and no size to shrink.
  add({"-object", StrCat("memory-backend-memfd,id=ram,size=", spec.memory_mib, "M,share=on,seal=on")});
  add({"-kernel", spec.kernel, "-initrd", spec.initramfs, "-append", KernelParameters(spec, launch)});
  add({"-chardev", StrCat("socket,id=qmp,fd=", launch.qmp_fd), "-mon", "chardev=qmp,mode=control"});
  add({"-chardev", launch.console ? "stdio,id=console,signal=off,mux=off" : "null,id=console", "-serial",
       "chardev:console"});
  add({"-chardev", StrCat("socket,id=vsock,fd=", launch.vsock_fd), "-device",
       "vhost-user-vsock-device,chardev=vsock"});
  for (size_t i = 0; i < spec.nics.size(); ++i) add(NicOptions(spec.nics[i], i, launch.nic_fds.at(i)));
  for (size_t i = 0; i < spec.disks.size(); ++i) add(DiskOptions(spec.disks[i], i, launch.disk_fds.at(i)));
  return argv;
}

}  // namespace cc::vmm::qemu
