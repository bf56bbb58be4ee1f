// SPDX-License-Identifier: Apache-2.0
#include "owner/node/realm_rows.h"

#include <sys/klog.h>
#include <unistd.h>

#include <algorithm>
#include <optional>

#include "base/file.h"
#include "base/strings.h"
#include "cca/realm/probe.h"
#include "owner/node/kernel_config.h"
#include "vmm/kvm/machine/arm64_image.h"
#include "vmm/kvm/machine/machine.h"

namespace cc::node_check {
namespace {

constexpr size_t kInitramfsLimit = size_t{512} << 20;
constexpr int kReadAllOfLog = 3;  // SYSLOG_ACTION_READ_ALL
constexpr char kKernelFix[] =
    "use a kernel from packaging/guest/kernel, or Debian's linux-image-cloud-arm64 of at least 6.13 with the "
    "modules in the initramfs";

bool Wanted(const Input& input) { return input.spec.tee == vmm::Tee::kCca; }

// What stands in the way of a Realm that nobody wants is worth a note only.
Row Refuse(const Input& input, std::string name, std::string finding, std::string fix) {
  if (!Wanted(input)) return {std::move(name), State::kNote, std::move(finding), ""};
  return {std::move(name), State::kFailed, std::move(finding), std::move(fix)};
}

// The address bits of this very guest, where its files can be read.
uint8_t NeededIpaBits(const Input& input) {
  constexpr uint8_t kUsual = 33;
  vmm::VmSpec spec = input.spec;
  spec.tee = vmm::Tee::kCca;
  absl::StatusOr<vmm::kvm::GuestFiles> files = vmm::kvm::MapGuestFiles(spec);
  if (!files.ok()) return kUsual;
  const auto machine = vmm::kvm::DescribeMachine(spec, *std::move(files));
  return machine.ok() ? machine->layout.params.ipa_bits : kUsual;
}

std::string KernelLog() {
  std::string log(1 << 20, '\0');
  const int size = ::klogctl(kReadAllOfLog, log.data(), static_cast<int>(log.size()));
  log.resize(size < 0 ? 0 : static_cast<size_t>(size));
  return log;
}

// The kernel says at boot what it found of the RMM; an RMM without LPA2 under a kernel with LPA2 page tables
// takes Realms away there.
std::optional<Row> CheckLog(const Input& input, bool usable) {
  const std::string log = input.kernel_log ? *input.kernel_log : KernelLog();
  std::string_view found;
  for (const std::string_view line : StrSplit(log, '\n')) {
    // Processors have LPA2, too.
    if (line.find("CPU features:") != std::string_view::npos) continue;
    for (const std::string_view word : {"RMI ABI", "RMM", "LPA2", "kvm-rme", "kvm-rmi"}) {
      if (line.find(word) != std::string_view::npos) found = line;
    }
    if (found == line && line.find("LPA2") != std::string_view::npos) break;
  }
  if (found.empty()) return std::nullopt;
  // "<6>[    0.1] text"; some kernels do without the time.
  if (found.starts_with('<')) found.remove_prefix(std::min(found.find('>'), found.size() - 1) + 1);
  if (found.starts_with('[')) found.remove_prefix(std::min(found.find("] "), found.size() - 2) + 2);
  if (usable) return Row{"realm monitor", State::kOk, std::string(found), ""};
  const bool lpa2 = found.find("LPA2") != std::string_view::npos;
  return Refuse(
      input, "realm monitor", StrCat("the kernel says: ", found),
      lpa2 ? "start the host with an RMM built with LPA2, or a kernel without (CONFIG_ARM64_VA_BITS_48 "
             "and CONFIG_ARM64_PA_BITS_48)"
           : "use an RMM and a kernel of the same RMI version");
}

std::vector<Row> CheckHost(const Input& input) {
  if (input.arch != "aarch64") {
    return {Refuse(input, "realm", StrCat("no Realms on ", input.arch, ": Arm CCA is a feature of aarch64"),
                   "use an Armv9 machine with RME, or set tee = \"none\" for pods without protection")};
  }
  cca::realm::ProbeRequest request;
  request.device = input.host.kvm_device;
  request.ipa_bits = NeededIpaBits(input);
  request.hash = input.spec.realm.hash == vmm::RealmSpec::Hash::kSha512 ? cca::RealmHash::kSha512
                                                                        : cca::RealmHash::kSha256;
  request.page_size = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  cca::realm::KvmCalls& kvm = input.kvm != nullptr ? *input.kvm : cca::realm::RealKvm();
  const cca::realm::RealmSupport support = cca::realm::ProbeRealm(kvm, request);
  std::vector<Row> rows;
  rows.push_back(support.usable()
                     ? Row{"realm", State::kOk, support.finding, ""}
                     : Refuse(input, "realm", support.finding,
                              StrCat(support.fix, "; or set tee = \"none\" for pods without protection")));
  if (!support.generations.empty()) {
    rows.push_back({"realm limits", State::kOk,
                    StrCat(int{support.max_ipa_bits}, " address bits (this guest needs ",
                           int{request.ipa_bits}, "), SVE ", support.sve ? "yes" : "no", ", measures with ",
                           support.sha512 ? "sha256 and sha512" : "sha256"),
                    ""});
  }
  if (std::optional<Row> log = CheckLog(input, support.usable())) rows.push_back(*std::move(log));
  return rows;
}

// A module must be in the initramfs. Ours is not compressed (cpio's magic comes first), so names can be seen;
// nullopt for one that is.
std::optional<bool> InInitramfs(const Input& input, std::string_view module) {
  const absl::StatusOr<std::string> initramfs = ReadFile(input.spec.initramfs, kInitramfsLimit);
  if (!initramfs.ok()) return false;
  if (!initramfs->starts_with("070701")) return std::nullopt;
  return initramfs->find(module) != std::string::npos;
}

Row CheckGuestKernel(const Input& input) {
  const std::string name = "guest kernel";
  absl::StatusOr<vmm::kvm::GuestFile> file = vmm::kvm::MapGuestFile(input.spec.kernel);
  if (!file.ok())
    return Refuse(input, name, std::string(MessageOf(file.status())), "install the guest image");
  const absl::StatusOr<vmm::kvm::Arm64Image> image = vmm::kvm::ParseArm64Image(*std::move(file));
  if (!image.ok()) {
    return Refuse(input, name, StrCat("no kernel of a Realm: ", MessageOf(image.status())), kKernelFix);
  }
  const absl::StatusOr<KernelConfig> config = FindKernelConfig(image->file.bytes, input.spec.kernel);
  if (!config.ok()) {
    return {name, State::kNote,
            StrCat(MessageOf(config.status()),
                   "; it needs CONFIG_ARM_CCA_GUEST, CONFIG_TSM_REPORTS and CONFIG_SWIOTLB"),
            ""};
  }
  const std::pair<std::string_view, std::string_view> kNeeded[] = {
      {"CONFIG_ARM_CCA_GUEST", "arm-cca-guest.ko"}, {"CONFIG_TSM_REPORTS", "tsm"}, {"CONFIG_SWIOTLB", ""}};
  for (const auto& [option, module] : kNeeded) {
    const auto found = config->options.find(option);
    if (found == config->options.end()) {
      return Refuse(input, name, StrCat(config->source, " has no ", option), kKernelFix);
    }
    if (found->second != "m") continue;
    const std::optional<bool> there = InInitramfs(input, module);
    if (!there.has_value()) {
      return {name, State::kNote,
              StrCat(option, " is a module; whether ", input.spec.initramfs,
                     " has it cannot be seen, it is compressed"),
              ""};
    }
    if (!*there) {
      return Refuse(input, name, StrCat(option, " is a module, which is not in ", input.spec.initramfs),
                    kKernelFix);
    }
  }
  return {name, State::kOk, StrCat("can attest as a Realm (", config->source, ")"), ""};
}

}  // namespace

std::vector<Row> CheckRealm(const Input& input) {
  std::vector<Row> rows = CheckHost(input);
  if (input.spec.arch == "aarch64" || Wanted(input)) rows.push_back(CheckGuestKernel(input));
  return rows;
}

}  // namespace cc::node_check
