// SPDX-License-Identifier: Apache-2.0
#include "owner/node/realm_probe.h"

#include <fcntl.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <string_view>

#include "base/file.h"
#include "base/status.h"
#include "base/strings.h"
#include "cca/generation.h"

namespace cc::node_check {
namespace {

// linux/kvm.h; the same on every architecture.
constexpr unsigned long kCreateVm = _IO(0xae, 0x01);
constexpr unsigned long kCheckExtension = _IO(0xae, 0x03);
constexpr uint32_t kCapVmIpaSize = 165;  // KVM_CAP_ARM_VM_IPA_SIZE
constexpr int kDefaultIpaBits = 40;
constexpr int kMaxIpaBits = 48;  // more needs LPA2, which Realms do not have to support

struct Candidate {
  const cca::GenerationAbi* abi;
  uint32_t capability;
};

// Newest first. A kernel that exports its number may have any generation of the family that does so.
std::vector<Candidate> Candidates(std::optional<uint32_t> live_capability) {
  std::vector<Candidate> candidates;
  for (const cca::GenerationAbi& abi : cca::Generations()) {
    candidates.push_back({&abi, abi.capability});
    if (live_capability && abi.family == cca::Family::kRmi && *live_capability != abi.capability) {
      candidates.push_back({&abi, *live_capability});
    }
  }
  std::reverse(candidates.begin(), candidates.end());
  return candidates;
}

class KvmFile final : public Kvm {
 public:
  explicit KvmFile(UniqueFd fd) : fd_(std::move(fd)) {}
  int CheckExtension(uint32_t capability) override {
    // SAFETY: takes its argument by value.
    return std::max(::ioctl(fd_.get(), kCheckExtension, static_cast<unsigned long>(capability)), 0);
  }
  int TryVm(uint64_t type, uint32_t capability) override {
    // SAFETY: takes its argument by value; an unknown type is EINVAL.
    const UniqueFd vm(::ioctl(fd_.get(), kCreateVm, type));
    if (!vm) return -errno;
    // SAFETY: as above.
    return std::max(::ioctl(vm.get(), kCheckExtension, static_cast<unsigned long>(capability)), 0);
  }

 private:
  const UniqueFd fd_;
};

}  // namespace

RealmSupport ProbeRealm(Kvm& kvm, std::optional<uint32_t> live_capability) {
  RealmSupport support;
  const int ipa = kvm.CheckExtension(kCapVmIpaSize);
  support.ipa_bits = static_cast<uint8_t>(std::clamp(ipa == 0 ? kDefaultIpaBits : ipa, 32, kMaxIpaBits));
  bool no_rmm = false, seen = false;
  std::set<uint32_t> numbers;
  for (const Candidate& candidate : Candidates(live_capability)) {
    if (kvm.CheckExtension(candidate.capability) <= 0) continue;
    seen = true;
    const int result = kvm.TryVm(candidate.abi->VmType(support.ipa_bits), candidate.capability);
    if (result > 0) {
      const std::string name(candidate.abi->name);
      if (std::find(support.generations.begin(), support.generations.end(), name) ==
          support.generations.end()) {
        support.generations.push_back(name);
      }
      numbers.insert(candidate.capability);
    }
    // The generations that say EINVAL say it to unknown types too, which tells nothing.
    no_rmm = no_rmm || (result == -EPERM && candidate.abi->no_rmm_error == EPERM);
  }
  if (!support.generations.empty()) {
    support.reason = StrCat("KVM makes Realms: ABI ", StrJoin(support.generations, " or "), ", capability ",
                            StrJoin(numbers, ", "), ", ", int{support.ipa_bits}, " address bits");
  } else if (no_rmm) {
    support.reason = "KVM knows Realms, but no Realm Management Monitor (RMM) answers it";
  } else if (seen) {
    support.reason =
        "KVM has a capability with a Realm number, but makes no VM of Realm type: the number is another "
        "capability's, or no Realm Management Monitor (RMM) answers";
  } else {
    support.reason = "KVM has no Realm capability";
  }
  return support;
}

absl::StatusOr<std::unique_ptr<Kvm>> OpenKvm(const std::string& device) {
  CC_ASSIGN_OR_RETURN(UniqueFd fd, OpenFile(device, O_RDWR));
  return std::make_unique<KvmFile>(std::move(fd));
}

std::optional<uint32_t> LiveCapability(const std::string& path) {
  const absl::StatusOr<std::string> text = ReadFile(path, 64);
  uint32_t number = 0;
  if (!text.ok() || !ParseNumber(StrTrim(*text), &number)) return std::nullopt;
  return number;
}

}  // namespace cc::node_check
