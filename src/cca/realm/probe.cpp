// SPDX-License-Identifier: Apache-2.0
#include "cca/realm/probe.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>

#include "base/strings.h"
#include "base/unique_fd.h"
#include "cca/realm/kvm_uapi.h"

namespace cc::cca::realm {
namespace {

constexpr uint8_t kMinIpaBits = 32;
constexpr uint8_t kMaxIpaBits = 52;
constexpr uint8_t kDefaultIpaBits = 40;  // of a kernel without KVM_CAP_ARM_VM_IPA_SIZE

constexpr char kNeeds[] =
    "needs an Armv9 machine with RME, a Realm Management Monitor (RMM) started by its firmware, and a host "
    "kernel with the Arm CCA series for KVM";
constexpr char kNoMonitor[] =
    "start the machine with firmware that has a Realm Management Monitor (TF-A with TF-RMM) of a version the "
    "kernel knows; the kernel's log says what it found: dmesg | grep -iE 'rmi|rme'";

int Extension(KvmCalls& kvm, int fd, uint32_t capability) {
  return std::max(kvm.Ioctl(fd, uapi::kCheckExtension, capability), 0);
}

std::string Error(int result) { return ::strerror(-result); }

struct Candidate {
  const GenerationAbi* abi;
  uint32_t capability;
};

// Newest first: a newer kernel may use an older generation's number for something else, never the other way
// round. A kernel that exports its number may have any generation of the family that does so.
std::vector<Candidate> Candidates(std::optional<uint32_t> live) {
  std::vector<Candidate> candidates;
  for (const GenerationAbi& abi : Generations()) {
    candidates.push_back({&abi, abi.capability});
    if (live && abi.family == Family::kRmi && *live != abi.capability) candidates.push_back({&abi, *live});
  }
  std::reverse(candidates.begin(), candidates.end());
  return candidates;
}

std::optional<uint32_t> LiveCapability(KvmCalls& kvm, const std::string& path) {
  const absl::StatusOr<std::string> text = kvm.ReadFile(path);
  uint32_t number = 0;
  if (!text.ok() || !ParseNumber(StrTrim(*text), &number)) return std::nullopt;
  return number;
}

// Asks what only a VM can tell. Each question that could change a VM gets a VM of its own.
class Trial {
 public:
  Trial(KvmCalls& kvm, int device, const Candidate& candidate)
      : kvm_(kvm), device_(device), candidate_(candidate) {}

  // A VM that is alive as long as the value; -errno when there is none.
  int Create(uint8_t ipa_bits, UniqueFd* vm) const {
    const int fd = kvm_.Ioctl(device_, uapi::kCreateVm, candidate_.abi->VmType(ipa_bits));
    if (fd < 0) return fd;
    vm->reset(fd);
    return 0;
  }

  // Empty when the VM is of this generation, else why it is not.
  std::string Refuse(const UniqueFd& vm) const {
    const GenerationAbi& abi = *candidate_.abi;
    if (Extension(kvm_, vm.get(), candidate_.capability) == 0) return "its VM does not have the capability";
    if (abi.memory_attributes &&
        (Extension(kvm_, vm.get(), uapi::kCapMemoryAttributes) & uapi::kMemoryAttributePrivate) == 0) {
      return "its VM has no private memory attribute (KVM_CAP_MEMORY_ATTRIBUTES)";
    }
    if (abi.private_memory_capability &&
        (Extension(kvm_, vm.get(), *abi.private_memory_capability) & uapi::kMemoryAttributePrivate) == 0) {
      return StrCat("its VM cannot populate guest_memfd (capability ", *abi.private_memory_capability,
                    "); boot the host without kvm.gmem_in_place_conversion=0");
    }
    if (Extension(kvm_, vm.get(), uapi::kCapGuestMemfd) == 0) return "its VM has no guest_memfd";
    return RefuseRecFeature(vm);
  }

  bool HasHash(RealmHash hash, uint8_t ipa_bits) const {
    UniqueFd vm;
    if (!candidate_.abi->config) return hash == RealmHash::kSha256;
    if (Create(ipa_bits, &vm) != 0) return false;
    uapi::RmeConfig config = {};
    config.item = uapi::RmeConfig::kHashAlgorithm;
    config.hash_algorithm = static_cast<uint32_t>(hash);
    uapi::EnableCap enable = {};
    enable.cap = candidate_.capability;
    enable.args[0] = static_cast<uint64_t>(uapi::RmeCommand::kConfigRealm);
    // SAFETY: the kernel reads a RmeConfig from this address, during the call only.
    enable.args[1] = reinterpret_cast<uint64_t>(&config);
    return kvm_.Ioctl(vm.get(), uapi::kEnableCap, &enable) >= 0;
  }

  // The largest size for which the RMM agrees to a VM; `works` is one that does.
  uint8_t MaxIpaBits(uint8_t works, uint8_t limit) const {
    for (uint8_t bits = limit; bits > works; --bits) {
      UniqueFd vm;
      if (Create(bits, &vm) == 0) return bits;
    }
    return works;
  }

 private:
  // v5 has the number of v6 and v7, but refuses their vCPU feature.
  std::string RefuseRecFeature(const UniqueFd& vm) const {
    const GenerationAbi& abi = *candidate_.abi;
    if (abi.capability != 300) return "";
    const UniqueFd vcpu(kvm_.Ioctl(vm.get(), uapi::kCreateVcpu, uintptr_t{0}));
    uapi::VcpuInit init = {};
    if (!vcpu || kvm_.Ioctl(vm.get(), uapi::kArmPreferredTarget, &init) < 0) {
      return "its VM makes no vCPU";
    }
    constexpr uint32_t kRec = 8;
    init.features[0] = 1u << uapi::kVcpuPsci02 | 1u << kRec;
    const bool accepted = kvm_.Ioctl(vcpu.get(), uapi::kArmVcpuInit, &init) >= 0;
    if (accepted == abi.vcpu_feature_rec.has_value()) return "";
    return accepted ? "its vCPUs are those of a later series" : "its vCPUs are those of an earlier series";
  }

  KvmCalls& kvm_;
  const int device_;
  const Candidate candidate_;
};

RealmSupport NotUsable(RealmSupport support, std::string finding, std::string fix) {
  support.abi = nullptr;
  support.finding = std::move(finding);
  support.fix = std::move(fix);
  return support;
}

// Everything seen on the way to a usable generation, for the sentence that explains why there is none.
struct Seen {
  bool number = false;      // a candidate's number on /dev/kvm
  bool no_monitor = false;  // EPERM of a generation that says so when there is no RMM
  std::string refusal;      // of a VM of Realm type
};

// The wanted address size can be what the RMM refuses; any size proves the generation.
int CreateSomeVm(const Trial& trial, uint8_t wanted, UniqueFd* vm, bool* smaller) {
  const int result = trial.Create(wanted, vm);
  if (result == 0 || wanted == kMinIpaBits || result == -EPERM) return result;
  if (trial.Create(kMinIpaBits, vm) != 0) return result;
  *smaller = true;
  return 0;
}

RealmSupport Explain(RealmSupport support, const Seen& seen) {
  if (!seen.refusal.empty()) {
    return NotUsable(
        std::move(support), StrCat("KVM makes a VM of Realm type, but ", seen.refusal),
        "use a kernel with one of the posted Arm CCA series, v5 to v10 or v12 to v15, unchanged");
  }
  if (seen.no_monitor) {
    return NotUsable(std::move(support), "KVM knows Realms, but no Realm Management Monitor (RMM) answers it",
                     kNoMonitor);
  }
  if (seen.number) {
    return NotUsable(std::move(support),
                     "KVM has a capability with a Realm number, but makes no VM of Realm type: the number is "
                     "another capability's, or no Realm Management Monitor (RMM) answers",
                     StrCat(kNeeds, "; if it has them: ", kNoMonitor));
  }
  return NotUsable(std::move(support), "KVM has no Realm capability", kNeeds);
}

RealmSupport CheckWishes(RealmSupport support, const ProbeRequest& request) {
  const std::string abi = StrCat("KVM makes Realms (", StrJoin(support.generations, " or "), ")");
  if (request.page_size != kGranule) {
    return NotUsable(support, StrCat(abi, ", but the host's pages have ", request.page_size, " bytes"),
                     "boot a host kernel with pages of 4 KiB: measurements are predicted for them");
  }
  if (request.ipa_bits > support.max_ipa_bits) {
    return NotUsable(
        support,
        StrCat(abi, ", but with ", int{support.max_ipa_bits}, " address bits at most; this guest needs ",
               int{request.ipa_bits}),
        "give the guest less memory, or use a host with more address bits (LPA2 in kernel and RMM)");
  }
  if (request.hash == RealmHash::kSha512 && !support.sha512) {
    return NotUsable(support, StrCat(abi, ", but cannot be told to measure with sha512"),
                     "set the measurement algorithm to sha256");
  }
  if (request.rpv && !support.abi->config) {
    return NotUsable(support, StrCat(abi, ", but this generation takes no personalization value (RPV)"),
                     "start the pod without initdata, or use a host with one of the series v5 to v10");
  }
  support.finding = StrCat(abi, ", capability ", support.capability, ", up to ", int{support.max_ipa_bits},
                           " address bits");
  return support;
}

}  // namespace

RealmSupport ProbeRealm(KvmCalls& kvm, const ProbeRequest& request) {
  const int opened = kvm.Open(request.device.c_str(), O_RDWR);
  if (opened < 0) {
    return NotUsable({}, StrCat("open ", request.device, ": ", Error(opened)),
                     opened == -EACCES ? "run as root, or as a member of the group kvm"
                                       : "boot a kernel with KVM, at EL2");
  }
  const UniqueFd device(opened);
  return ProbeRealmOn(kvm, device.get(), request);
}

RealmSupport ProbeRealmOn(KvmCalls& kvm, int device, const ProbeRequest& request) {
  RealmSupport support;
  const int ipa = Extension(kvm, device, uapi::kCapVmIpaSize);
  const auto limit =
      static_cast<uint8_t>(std::clamp<int>(ipa == 0 ? kDefaultIpaBits : ipa, kMinIpaBits, kMaxIpaBits));
  const uint8_t wanted = std::clamp(request.ipa_bits, kMinIpaBits, limit);
  Seen seen;
  for (const Candidate& candidate : Candidates(LiveCapability(kvm, request.live_capability))) {
    // Beside the first that fits, which is the newest, only those that cannot be told from it matter.
    if (support.abi != nullptr && candidate.abi->capability != support.abi->capability) continue;
    if (Extension(kvm, device, candidate.capability) == 0) continue;
    seen.number = true;
    const Trial trial(kvm, device, candidate);
    UniqueFd vm;
    bool smaller = false;
    const int result = CreateSomeVm(trial, wanted, &vm, &smaller);
    // The generations that say EINVAL say it to unknown types too, which tells nothing.
    seen.no_monitor |= result == -EPERM && candidate.abi->no_rmm_error == EPERM;
    if (result != 0) continue;
    if (std::string refusal = trial.Refuse(vm); !refusal.empty()) {
      if (seen.refusal.empty()) seen.refusal = std::move(refusal);
      continue;
    }
    if (support.generations.empty() || support.generations.back() != candidate.abi->name) {
      support.generations.emplace_back(candidate.abi->name);
    }
    if (support.abi != nullptr) continue;
    support.abi = candidate.abi;
    support.capability = candidate.capability;
    support.sve = Extension(kvm, vm.get(), uapi::kCapSve) > 0;
    const uint8_t works = smaller ? kMinIpaBits : wanted;
    support.max_ipa_bits = trial.MaxIpaBits(works, limit);
    support.sha256 = trial.HasHash(RealmHash::kSha256, works);
    support.sha512 = trial.HasHash(RealmHash::kSha512, works);
  }
  if (support.abi == nullptr) return Explain(std::move(support), seen);
  return CheckWishes(std::move(support), request);
}

}  // namespace cc::cca::realm
