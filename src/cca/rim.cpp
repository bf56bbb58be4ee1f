// SPDX-License-Identifier: Apache-2.0
#include "cca/rim.h"

#include <algorithm>
#include <cstring>
#include <span>

#include "base/status.h"
#include "base/strings.h"

namespace cc::cca {
namespace {

// RmiRealmParams and RmiRecParams are pages; these are the fields that count, everything else is zero.
constexpr size_t kParamsFlags = 0x0;
constexpr size_t kParamsS2sz = 0x8;
constexpr size_t kParamsSveVl = 0x10;
constexpr size_t kParamsNumBps = 0x18;
constexpr size_t kParamsNumWps = 0x20;
constexpr size_t kParamsPmuNumCtrs = 0x28;
constexpr size_t kParamsHashAlgo = 0x30;
constexpr size_t kRecFlags = 0x0;
constexpr size_t kRecPc = 0x200;
constexpr size_t kRecGprs = 0x300;

// RmmMeasurementDescriptor*: 256 bytes with a common head.
constexpr size_t kDescriptorSize = 0x100;
constexpr size_t kDescriptorType = 0x0;
constexpr size_t kDescriptorLength = 0x8;
constexpr size_t kDescriptorRim = 0x10;
constexpr uint8_t kTypeData = 0;
constexpr size_t kDataIpa = 0x50;
constexpr size_t kDataFlags = 0x58;
constexpr size_t kDataContent = 0x60;
constexpr uint8_t kTypeRec = 1;
constexpr size_t kRecContent = 0x50;
constexpr uint8_t kTypeRipas = 2;
constexpr size_t kRipasBase = 0x50;
constexpr size_t kRipasTop = 0x58;

// A structure of the RMM, filled field by field; numbers are little-endian.
template <size_t Size>
class Image {
 public:
  Image& Put(size_t offset, uint64_t number) {
    for (size_t i = 0; i < 8; ++i) bytes_[offset + i] = static_cast<char>(number >> (8 * i));
    return *this;
  }
  Image& Put(size_t offset, std::string_view bytes) {
    std::copy(bytes.begin(), bytes.end(), bytes_.begin() + static_cast<ptrdiff_t>(offset));
    return *this;
  }
  std::string_view view() const { return {bytes_.data(), bytes_.size()}; }

 private:
  std::array<char, Size> bytes_ = {};
};

Image<kDescriptorSize> Descriptor(uint8_t type, std::string_view rim) {
  Image<kDescriptorSize> descriptor;
  descriptor.Put(kDescriptorType, type).Put(kDescriptorLength, kDescriptorSize).Put(kDescriptorRim, rim);
  return descriptor;
}

std::string MeasureParams(const RealmParams& params, jose::Hash hash) {
  Image<kGranule> page;
  page.Put(kParamsFlags, params.flags).Put(kParamsS2sz, params.ipa_bits).Put(kParamsSveVl, params.sve_vl);
  page.Put(kParamsNumBps, params.num_bps).Put(kParamsNumWps, params.num_wps);
  page.Put(kParamsPmuNumCtrs, params.pmu_num_ctrs);
  page.Put(kParamsHashAlgo, static_cast<uint64_t>(params.hash));
  return jose::Digest(hash, page.view());
}

}  // namespace

RimCalculator::RimCalculator(const RealmParams& params, RmmVersion version)
    : hash_(params.hash == RealmHash::kSha512 ? jose::Hash::kSha512 : jose::Hash::kSha256),
      version_(version),
      rtt_(params.ipa_bits),
      rim_(MeasureParams(params, hash_)) {}

void RimCalculator::Add(const InitRipas& range) {
  rtt_.InitRipas(range.base, range.base + range.size, [this](uint64_t base, uint64_t top) {
    if (version_ == RmmVersion::k2_0) return;
    Extend(Descriptor(kTypeRipas, rim_).Put(kRipasBase, base).Put(kRipasTop, top).view());
  });
}

const std::string& RimCalculator::HashOfZeros() {
  if (hash_of_zeros_.empty()) hash_of_zeros_ = HashPage(Image<kGranule>().view());
  return hash_of_zeros_;
}

absl::Status RimCalculator::Add(const Populate& range) {
  for (uint64_t offset = 0; offset < range.size; offset += kGranule) {
    std::string hash;
    if (range.measured) {
      const std::string_view rest = range.content.substr(std::min<size_t>(offset, range.content.size()));
      if (rest.empty()) {
        hash = HashOfZeros();
      } else if (rest.size() >= kGranule) {
        hash = HashPage(rest.substr(0, kGranule));
      } else {
        hash = HashPage(Image<kGranule>().Put(0, rest).view());
      }
    }
    CC_RETURN_IF_ERROR(AddPage(range.base + offset, hash));
  }
  return absl::OkStatus();
}

absl::Status RimCalculator::AddPage(uint64_t ipa, std::string_view content_hash) {
  CC_RETURN_IF_ERROR(rtt_.Assign(ipa));
  auto descriptor = Descriptor(kTypeData, rim_);
  descriptor.Put(kDataIpa, ipa).Put(kDataFlags, content_hash.empty() ? 0 : 1);
  Extend(descriptor.Put(kDataContent, content_hash.substr(0, 64)).view());
  return absl::OkStatus();
}

void RimCalculator::Add(const CreateRec& rec) {
  if (!rec.runnable) return;
  Image<kGranule> page;
  page.Put(kRecFlags, 1).Put(kRecPc, rec.pc);
  for (size_t i = 0; i < rec.gprs.size(); ++i) page.Put(kRecGprs + 8 * i, rec.gprs[i]);
  Extend(Descriptor(kTypeRec, rim_).Put(kRecContent, jose::Digest(hash_, page.view())).view());
}

absl::StatusOr<std::string> MeasureRealm(const RealmPlan& plan, RmmVersion version) {
  RimCalculator calculator(plan.params, version);
  for (const RealmStep& step : plan.steps) {
    if (const auto* ripas = std::get_if<InitRipas>(&step)) {
      calculator.Add(*ripas);
    } else if (const auto* content = std::get_if<Populate>(&step)) {
      CC_RETURN_IF_ERROR(calculator.Add(*content));
    } else {
      calculator.Add(std::get<CreateRec>(step));
    }
  }
  return calculator.rim();
}

}  // namespace cc::cca
