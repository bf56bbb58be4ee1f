// SPDX-License-Identifier: Apache-2.0
// Offsets and numbers are written out here, not taken from uapi.h, so that a slip in a structure shows.
#include "cca/realm/fake_realm.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace cc::cca::realm {
namespace {

constexpr uint64_t kPage = 4096;
constexpr uint64_t kX0 = 0x6030000000100000, kX7 = 0x603000000010000e, kPc = 0x6030000000100040;
constexpr uint64_t kDfr0 = 0x603000000013c028;

template <typename Number>
Number At(const uint8_t* bytes, size_t offset) {
  Number number;
  std::memcpy(&number, bytes + offset, sizeof(number));
  return number;
}

bool Aligned(uint64_t base, uint64_t size) { return base % kPage == 0 && size % kPage == 0; }

}  // namespace

const FakeSlot* FakeRealm::SlotOf(uint64_t base, uint64_t size) const {
  for (const FakeSlot& slot : slots) {
    if (base >= slot.base && base + size <= slot.base + slot.size) return &slot;
  }
  return nullptr;
}

int FakeRealm::EnableCap(uint32_t capability, uint64_t command, const uint8_t* argument) {
  if (abi_.family != Family::kRme || capability != abi_.capability) return -EINVAL;
  switch (command) {
    case 0:
      return Config(argument);
    case 1:
      return CreateRealm();
    case 2:
      return InitRipas(At<uint64_t>(argument, 0), At<uint64_t>(argument, 8));
    case 3: {
      const uint64_t base = At<uint64_t>(argument, 0), size = At<uint64_t>(argument, 8);
      const uint32_t flags = At<uint32_t>(argument, 16);
      const FakeSlot* slot = SlotOf(base, size);
      if (flags > 1 || !Aligned(base, size) || slot == nullptr || state_ != State::kNew) return -EINVAL;
      // SAFETY: the slot's user memory is mapped by the code under test for the whole slot.
      return PopulatePages(base, size, reinterpret_cast<const uint8_t*>(slot->user + (base - slot->base)),
                           flags == 1);
    }
    case 4:
      if (state_ != State::kNew || vcpus.empty() || !vcpus[0].rec) return -EINVAL;
      state_ = State::kActive;
      return 0;
    default:
      return -EINVAL;
  }
}

int FakeRealm::Config(const uint8_t* argument) {
  if (state_ != State::kNone) return -EBUSY;
  switch (At<uint32_t>(argument, 0)) {
    case 0:
      std::memcpy(params_.rpv.data(), argument + 4, 64);
      return 0;
    case 1: {
      const uint32_t hash = At<uint32_t>(argument, 4);
      if (hash > 1 || (hash == 1 && !sha512_)) return -EINVAL;
      params_.hash = static_cast<RealmHash>(hash);
      return 0;
    }
    default:
      return -EINVAL;
  }
}

int FakeRealm::CreateRealm() {
  if (state_ != State::kNone) return -EEXIST;
  if (vcpus.empty() || !vcpus[0].initialised) return -ENXIO;  // 0 breakpoints: RMI_ERROR_INPUT
  params_.num_bps = dfr0_ >> 12 & 0xf;
  params_.num_wps = dfr0_ >> 20 & 0xf;
  rim_.emplace(params_, RmmVersion::k1_0);
  state_ = State::kNew;
  return 0;
}

int FakeRealm::InitRipas(uint64_t base, uint64_t size) {
  if (state_ != State::kNew || !Aligned(base, size) || size == 0) return -EINVAL;
  rim_->Add(cca::InitRipas{base, size});
  return 0;
}

int FakeRealm::PopulatePages(uint64_t base, uint64_t size, const uint8_t* source, bool measured) {
  for (uint64_t at = 0; at < size; at += kPage) {
    if (SlotOf(base + at, kPage) == nullptr || !IsPrivate(base + at)) return -EINVAL;
    const std::string_view page(reinterpret_cast<const char*>(source + at), kPage);
    if (!rim_->AddPage(base + at, measured ? rim_->HashPage(page) : "").ok()) return -ENXIO;  // a second time
    pages_.insert(base + at);
  }
  return 0;
}

int FakeRealm::RmiPopulate(uint64_t base, uint64_t size, const uint8_t* source, uint32_t flags,
                           uint32_t reserved) {
  if (state_ == State::kDead) return -ENXIO;
  if (state_ == State::kActive) return -EBUSY;
  if (flags > 1 || reserved != 0 || !Aligned(base, size)) return -EINVAL;
  if (reinterpret_cast<uintptr_t>(source) % kPage != 0) return -EINVAL;
  if (state_ == State::kNone) {
    if (const int result = CreateRealm(); result != 0) return result;
  }
  return PopulatePages(base, size, source, flags == 1);
}

int FakeRealm::InitVcpu(size_t index, uint32_t features) {
  const uint32_t rec = abi_.vcpu_feature_rec ? 1u << *abi_.vcpu_feature_rec : 0;
  constexpr uint32_t kPowerOff = 1, kPsci = 4;
  if ((features & ~(rec | kPowerOff | kPsci)) != 0) return -ENOENT;
  if ((features & rec) != rec || (features & kPsci) == 0) return -EINVAL;
  FakeVcpu& vcpu = vcpus[index];
  vcpu = {.initialised = true, .features = features, .registers = {}, .rec = false};
  return 0;
}

int FakeRealm::SetRegister(size_t index, uint64_t id, uint64_t value) {
  FakeVcpu& vcpu = vcpus[index];
  if (!vcpu.initialised) return -ENOEXEC;
  if (id == kDfr0) {
    const uint64_t mutable_fields = uint64_t{0xf} << 12 | uint64_t{0xf} << 20 | uint64_t{0xf} << 28;
    if (state_ != State::kNone || ((value ^ dfr0_) & ~mutable_fields) != 0) return -EINVAL;
    if ((value >> 12 & 0xf) == 0 || (value >> 20 & 0xf) == 0) return -EINVAL;
    if ((value >> 28 & 0xf) > (value >> 12 & 0xf)) return -EINVAL;
    dfr0_ = value;
    return 0;
  }
  const bool allowed = (id >= kX0 && id <= kX7 && id % 2 == 0) || id == kPc;
  if (!allowed || vcpu.rec || state_ == State::kActive) return -EINVAL;
  vcpu.registers[id] = value;
  return 0;
}

int FakeRealm::GetRegister(size_t index, uint64_t id, uint64_t* value) {
  if (!vcpus[index].initialised) return -ENOEXEC;
  if (id != kDfr0) return -EINVAL;
  *value = dfr0_;
  return 0;
}

int FakeRealm::CreateRec(size_t index) {
  FakeVcpu& vcpu = vcpus[index];
  if (vcpu.rec || !vcpu.initialised) return -EINVAL;
  // The RMM numbers RECs in the order of their creation.
  for (size_t i = 0; i < index; ++i) {
    if (!vcpus[i].rec) return -EINVAL;
  }
  constexpr uint32_t kPowerOff = 1;
  cca::CreateRec rec = {.runnable = (vcpu.features & kPowerOff) == 0};
  rec.pc = vcpu.registers[kPc];
  for (size_t i = 0; i < rec.gprs.size(); ++i) rec.gprs[i] = vcpu.registers[kX0 + 2 * i];
  rim_->Add(rec);
  vcpu.rec = true;
  return 0;
}

int FakeRealm::FinalizeRec(size_t index, int32_t feature) {
  if (!abi_.finalize_rec || feature != static_cast<int32_t>(*abi_.finalize_rec)) return -EINVAL;
  return state_ == State::kNew ? CreateRec(index) : -EINVAL;
}

int FakeRealm::SetAttributes(uint64_t base, uint64_t size, uint64_t attributes) {
  if (!abi_.memory_attributes) return -ENOTTY;
  if (!Aligned(base, size) || size == 0 || (attributes & ~uint64_t{8}) != 0) return -EINVAL;
  for (uint64_t at = base; at < base + size; at += kPage) {
    if (attributes != 0) {
      private_.insert(at);
    } else {
      private_.erase(at);
    }
  }
  return 0;
}

int FakeRealm::ActivateImplicitly() {
  // Whatever fails from here on leaves the Realm dead.
  if (state_ == State::kNone) {
    if (const int result = CreateRealm(); result != 0) return result;
  }
  state_ = State::kDead;
  for (size_t i = 0; i < vcpus.size(); ++i) {
    if (const int result = CreateRec(i); result != 0) return result;
  }
  for (const FakeSlot& slot : slots) {
    if (slot.guest_memfd >= 0) rim_->Add(cca::InitRipas{slot.base, slot.size});
  }
  state_ = State::kActive;
  return 0;
}

int FakeRealm::PrepareRun(size_t index) {
  if (!vcpus[index].initialised) return -ENOEXEC;
  if (!vgic) return -EOPNOTSUPP;
  if (state_ == State::kDead) return -ENXIO;
  if (state_ == State::kActive) return 0;
  return abi_.family == Family::kRme ? -EPERM : ActivateImplicitly();
}

void FakeRealm::Punch(int guest_memfd, uint64_t offset, uint64_t size) {
  for (const FakeSlot& slot : slots) {
    if (slot.guest_memfd != guest_memfd) continue;
    for (uint64_t at = slot.base + offset; at < slot.base + offset + size; at += kPage) {
      if (!pages_.erase(at)) continue;
      if (!IsPrivate(at)) ++leaked_pages;
    }
  }
}

}  // namespace cc::cca::realm
