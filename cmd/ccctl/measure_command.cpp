// SPDX-License-Identifier: Apache-2.0
#include <memory>

#include "base/status.h"
#include "base/strings.h"
#include "command.h"
#include "node_config.h"
#include "owner/measurement.h"
#include "vmm/qemu/accelerator.h"
#include "vmm/qemu/command_line.h"
#include "vmm/qemu/tsc.h"

namespace cc::ccctl {
namespace {

struct Flags {
  std::string config;
  bool json = false;
};

absl::Status Measure(const Flags& flags) {
  CC_ASSIGN_OR_RETURN(const vmm::VmSpec spec, ReadNodeConfig(flags.config));
  owner::GuestDescription guest{spec.kernel, spec.initramfs, {}, spec.tee == vmm::Tee::kCca};
  if (!guest.cca) {
    CC_ASSIGN_OR_RETURN(const vmm::qemu::AcceleratorChoice choice,
                        vmm::qemu::ChooseAccelerator(spec.accel, spec.arch, {}));
    vmm::qemu::Launch launch;
    launch.accel = choice.accel;
    launch.tick_khz = vmm::qemu::HostTickKhz();
    guest.command_line = vmm::qemu::KernelParameters(spec, launch);
  }
  CC_ASSIGN_OR_RETURN(const owner::Measurement measurement, owner::Measure(guest));
  Print(flags.json ? StrCat(owner::MeasurementJson(measurement), "\n")
                   : owner::MeasurementTable(measurement));
  return absl::OkStatus();
}

}  // namespace

void AddMeasure(CLI::App& app, Outcome& outcome) {
  CLI::App* measure = app.add_subcommand("measure", "Digests of the configured guest, for endorsing it");
  measure->footer(
      "The command line is that of a guest on this machine: an emulated x86 guest is told the machine's "
      "clock "
      "rate.\n"
      "Example: ccctl measure --config /etc/kata-cc/config.toml --json > guest.json");
  const auto flags = std::make_shared<Flags>();
  measure->add_option("--config", flags->config, "The shim's configuration (/etc/kata-cc/config.toml)");
  measure->add_flag("--json", flags->json, "Print the document that `ccctl trustee endorse` takes");
  OnRun(measure, outcome, [flags] { return Measure(*flags); });
}

}  // namespace cc::ccctl
