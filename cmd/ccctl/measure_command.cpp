// SPDX-License-Identifier: Apache-2.0
#include <memory>

#include "base/status.h"
#include "base/strings.h"
#include "cca/rpv.h"
#include "command.h"
#include "initdata/initdata.h"
#include "jose/digest.h"
#include "node_config.h"
#include "owner/measurement.h"
#include "vmm/kvm/machine/machine.h"
#include "vmm/kvm/machine/prediction.h"
#include "vmm/qemu/accelerator.h"
#include "vmm/qemu/command_line.h"
#include "vmm/qemu/tsc.h"

namespace cc::ccctl {
namespace {

struct Flags {
  std::string config;
  std::string init_data;
  bool json = false;
};

std::string QemuCommandLine(const vmm::VmSpec& spec, const vmm::qemu::AcceleratorChoice& choice) {
  vmm::qemu::Launch launch;
  launch.accel = choice.accel;
  launch.tick_khz = vmm::qemu::HostTickKhz();
  return vmm::qemu::KernelParameters(spec, launch);
}

uint64_t MeasuredPages(const cca::RealmLayout& layout) {
  uint64_t pages = 0;
  for (const cca::Populate& part : layout.content) pages += part.size / cca::kGranule;
  return pages;
}

// The machine that the native VMM would build, by the code that builds it.
absl::StatusOr<owner::GuestDescription> DescribeRealm(const NodeConfig& config) {
  if (config.backend != "kvm") {
    return absl::UnimplementedError(StrCat(
        "measure a Realm that backend = \"", config.backend,
        "\" starts: where it places the guest is not known here; set backend = \"kvm\", the native VMM"));
  }
  CC_ASSIGN_OR_RETURN(vmm::kvm::GuestFiles files, vmm::kvm::MapGuestFiles(config.spec));
  CC_ASSIGN_OR_RETURN(const vmm::kvm::Machine machine,
                      vmm::kvm::DescribeMachine(config.spec, std::move(files)));
  CC_ASSIGN_OR_RETURN(const std::vector<vmm::kvm::PredictedRim> predicted, vmm::kvm::PredictRims(machine));
  const cca::RealmParams& params = machine.layout.params;
  owner::RealmDescription realm;
  for (const vmm::kvm::PredictedRim& rim : predicted) realm.rims.push_back({rim.generations, rim.rim});
  realm.rpv.assign(params.rpv.begin(), params.rpv.end());
  realm.hash = params.hash == cca::RealmHash::kSha512 ? "sha512" : "sha256";
  realm.ipa_bits = params.ipa_bits;
  realm.breakpoints = params.num_bps + 1u;
  realm.watchpoints = params.num_wps + 1u;
  realm.measured_pages = MeasuredPages(machine.layout);
  for (const cca::Populate& part : machine.layout.content) {
    if (part.base == machine.device_tree) realm.device_tree = std::string(part.content);
  }
  return owner::GuestDescription{config.spec.kernel, config.spec.initramfs, machine.command_line, realm};
}

absl::StatusOr<owner::GuestDescription> DescribeOrdinary(const NodeConfig& config) {
  const vmm::VmSpec& spec = config.spec;
  if (config.backend == "kvm") {
    return owner::GuestDescription{spec.kernel, spec.initramfs, vmm::kvm::KernelCommandLine(spec), {}};
  }
  CC_ASSIGN_OR_RETURN(const vmm::qemu::AcceleratorChoice choice,
                      vmm::qemu::ChooseAccelerator(spec.accel, spec.arch, {}));
  return owner::GuestDescription{spec.kernel, spec.initramfs, QemuCommandLine(spec, choice), {}};
}

// The text as its owner wrote it, before gzip and base64 of the annotation.
absl::StatusOr<cca::Rpv> RpvOfInitData(const std::string& path) {
  CC_ASSIGN_OR_RETURN(const std::string text, ReadInput(path));
  const absl::StatusOr<initdata::InitData> parsed = initdata::Parse(text);
  if (!parsed.ok()) return Annotate(parsed.status(), path);
  CC_ASSIGN_OR_RETURN(const jose::Hash hash, jose::ParseHash(parsed->algorithm));
  return cca::RpvOf(jose::Digest(hash, text));
}

absl::Status Measure(const Flags& flags) {
  CC_ASSIGN_OR_RETURN(NodeConfig config, ReadNodeConfig(flags.config));
  if (!flags.init_data.empty()) {
    CC_ASSIGN_OR_RETURN(config.spec.realm.rpv, RpvOfInitData(flags.init_data));
  }
  CC_ASSIGN_OR_RETURN(const owner::GuestDescription guest,
                      config.spec.tee == vmm::Tee::kCca ? DescribeRealm(config) : DescribeOrdinary(config));
  CC_ASSIGN_OR_RETURN(const owner::Measurement measurement, owner::Measure(guest));
  Print(flags.json ? StrCat(owner::MeasurementJson(measurement), "\n")
                   : owner::MeasurementTable(measurement));
  return absl::OkStatus();
}

}  // namespace

void AddMeasure(CLI::App& app, Outcome& outcome) {
  CLI::App* measure = app.add_subcommand("measure", "Digests of the configured guest, for endorsing it");
  measure->footer(
      "For tee = \"cca\" (backend = \"kvm\") these are the initial measurements that the token of a Realm "
      "will "
      "report, for each generation of KVM's ABI; no KVM is needed. An ordinary guest's command line is that "
      "of a guest on this machine: an emulated x86 guest is told the machine's clock rate.\n"
      "Example: ccctl measure --config /etc/kata-cc/config.toml --json > guest.json");
  const auto flags = std::make_shared<Flags>();
  measure->add_option("--config", flags->config, "The shim's configuration (/etc/kata-cc/config.toml)");
  measure->add_option("--initdata", flags->init_data,
                      "Initdata (TOML) of the pods: its digest is the Realm's personalization value");
  measure->add_flag("--json", flags->json, "Print the document that `ccctl trustee endorse` takes");
  OnRun(measure, outcome, [flags] { return Measure(*flags); });
}

}  // namespace cc::ccctl
