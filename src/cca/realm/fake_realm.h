// SPDX-License-Identifier: Apache-2.0
// For tests: the state machine of one VM of Realm type, as KVM and the RMM behind it keep it, for every
// generation. It measures what it is told, so that a test can compare with the prediction.
#ifndef CC_CCA_REALM_FAKE_REALM_H_
#define CC_CCA_REALM_FAKE_REALM_H_

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "cca/generation.h"
#include "cca/rim.h"

namespace cc::cca::realm {

struct FakeSlot {
  uint64_t base = 0;
  uint64_t size = 0;
  uint64_t user = 0;
  int guest_memfd = -1;
};

struct FakeVcpu {
  bool initialised = false;
  uint32_t features = 0;
  std::map<uint64_t, uint64_t> registers;
  bool rec = false;
};

class FakeRealm {
 public:
  FakeRealm(const GenerationAbi& abi, uint8_t ipa_bits, bool sha512) : abi_(abi), sha512_(sha512) {
    params_.ipa_bits = ipa_bits;
  }

  // Each gives 0 or -errno; numbers and rules from the posted series.
  int EnableCap(uint32_t capability, uint64_t command, const uint8_t* argument);
  int RmiPopulate(uint64_t base, uint64_t size, const uint8_t* source, uint32_t flags, uint32_t reserved);
  int InitVcpu(size_t index, uint32_t features);
  int SetRegister(size_t index, uint64_t id, uint64_t value);
  int GetRegister(size_t index, uint64_t id, uint64_t* value);
  int FinalizeRec(size_t index, int32_t feature);
  int SetAttributes(uint64_t base, uint64_t size, uint64_t attributes);
  int PrepareRun(size_t index);  // what KVM_RUN does before it enters
  void Punch(int guest_memfd, uint64_t offset, uint64_t size);

  bool IsPrivate(uint64_t ipa) const {
    return abi_.memory_attributes ? private_.contains(ipa) : SlotOf(ipa, 1) != nullptr;
  }
  bool HasPrivatePage(uint64_t ipa) const { return pages_.contains(ipa); }
  // The guest wrote there: the page exists.
  void Touch(uint64_t ipa) { pages_.insert(ipa); }

  std::vector<FakeSlot> slots;
  std::vector<FakeVcpu> vcpus;
  bool vgic = false;  // initialised
  size_t leaked_pages = 0;
  std::array<uint8_t, 64> rpv() const { return params_.rpv; }
  std::string rim() const { return rim_ ? rim_->rim() : ""; }
  bool active() const { return state_ == State::kActive; }

 private:
  enum class State { kNone, kNew, kActive, kDead };

  int Config(const uint8_t* argument);
  int CreateRealm();
  int InitRipas(uint64_t base, uint64_t size);
  int PopulatePages(uint64_t base, uint64_t size, const uint8_t* source, bool measured);
  int CreateRec(size_t index);
  int ActivateImplicitly();
  const FakeSlot* SlotOf(uint64_t base, uint64_t size) const;

  const GenerationAbi& abi_;
  const bool sha512_;
  RealmParams params_;
  uint64_t dfr0_ = 5 << 12 | 3 << 20 | uint64_t{1} << 28 | 0x6;  // 6 breakpoints, 4 watchpoints, 2 contexts
  State state_ = State::kNone;
  std::optional<RimCalculator> rim_;
  std::set<uint64_t> private_;  // pages with the attribute
  std::set<uint64_t> pages_;    // pages in a guest_memfd
};

}  // namespace cc::cca::realm

#endif  // CC_CCA_REALM_FAKE_REALM_H_
