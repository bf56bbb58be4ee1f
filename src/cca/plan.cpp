// SPDX-License-Identifier: Apache-2.0
#include "cca/plan.h"

#include <algorithm>
#include <limits>
#include <string>

#include "base/status.h"
#include "base/strings.h"

namespace cc::cca {
namespace {

std::string Hex(uint64_t number) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string digits;
  do {
    digits.insert(digits.begin(), kDigits[number % 16]);
    number /= 16;
  } while (number != 0);
  return "0x" + digits;
}

std::string Describe(std::string_view what, uint64_t base, uint64_t size) {
  return StrCat("realm plan: ", what, " at ", Hex(base), " of ", Hex(size), " bytes");
}

absl::Status CheckRange(std::string_view what, uint64_t base, uint64_t size) {
  const auto refuse = [&](std::string_view why) {
    return absl::InvalidArgumentError(StrCat(Describe(what, base, size), " ", why));
  };
  if (size == 0) return refuse("is empty");
  if (base % kGranule != 0 || size % kGranule != 0) return refuse("is not made of whole 4 KiB granules");
  if (size > std::numeric_limits<uint64_t>::max() - base) return refuse("wraps around");
  return absl::OkStatus();
}

template <typename Range>
absl::Status SortAndCheck(std::string_view what, std::vector<Range>& ranges) {
  for (const Range& range : ranges) CC_RETURN_IF_ERROR(CheckRange(what, range.base, range.size));
  std::sort(ranges.begin(), ranges.end(), [](const Range& a, const Range& b) { return a.base < b.base; });
  for (size_t i = 1; i < ranges.size(); ++i) {
    if (ranges[i - 1].base + ranges[i - 1].size > ranges[i].base) {
      return absl::InvalidArgumentError(
          StrCat(Describe(what, ranges[i].base, ranges[i].size), " overlaps the one before it"));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckParams(const RealmParams& params) {
  if (params.ipa_bits < 32 || params.ipa_bits > 52) {
    return absl::InvalidArgumentError(
        StrCat("realm plan: ", params.ipa_bits, " address bits where 32 to 52 are possible"));
  }
  return absl::OkStatus();
}

absl::Status CheckRam(const RealmLayout& layout) {
  const uint64_t limit = uint64_t{1} << (layout.params.ipa_bits - 1);
  for (const InitRipas& ram : layout.ram) {
    if (ram.base + ram.size > limit) {
      return absl::InvalidArgumentError(StrCat(Describe("RAM", ram.base, ram.size),
                                               " is beyond the private half of ", layout.params.ipa_bits,
                                               " address bits; use more bits or less memory"));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckContent(const RealmLayout& layout) {
  for (const Populate& content : layout.content) {
    const bool inside = std::any_of(layout.ram.begin(), layout.ram.end(), [&](const InitRipas& ram) {
      return content.base >= ram.base && content.base + content.size <= ram.base + ram.size;
    });
    if (!inside) {
      return absl::InvalidArgumentError(
          StrCat(Describe("content", content.base, content.size), " is not inside one range of RAM"));
    }
    if (content.content.size() > content.size) {
      return absl::InvalidArgumentError(StrCat(Describe("content", content.base, content.size), " has ",
                                               content.content.size(), " bytes to hold"));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckRecs(const std::vector<CreateRec>& recs) {
  for (size_t i = 0; i < recs.size(); ++i) {
    if (recs[i].runnable != (i == 0)) {
      return absl::InvalidArgumentError(StrCat("realm plan: vCPU ", i, recs[i].runnable ? " is" : " is not",
                                               " runnable; vCPU 0 must be and no other may be"));
    }
  }
  return recs.empty() ? absl::InvalidArgumentError("realm plan: no vCPU") : absl::OkStatus();
}

}  // namespace

absl::StatusOr<RealmPlan> OrderPlan(const RealmLayout& layout, PlanOrder order) {
  RealmLayout sorted = layout;
  CC_RETURN_IF_ERROR(CheckParams(sorted.params));
  CC_RETURN_IF_ERROR(SortAndCheck("RAM", sorted.ram));
  CC_RETURN_IF_ERROR(SortAndCheck("content", sorted.content));
  CC_RETURN_IF_ERROR(CheckRam(sorted));
  CC_RETURN_IF_ERROR(CheckContent(sorted));
  CC_RETURN_IF_ERROR(CheckRecs(sorted.recs));
  if (order == PlanOrder::kRipasLast && sorted.ram.size() != 1) {
    return absl::InvalidArgumentError(StrCat(
        "realm plan: ", sorted.ram.size(),
        " ranges of RAM; where KVM sets the RIPAS itself it takes memory slots in no order that can be "
        "predicted, so use one"));
  }

  RealmPlan plan{.params = sorted.params};
  const auto add = [&plan](auto& parts) { plan.steps.insert(plan.steps.end(), parts.begin(), parts.end()); };
  if (order == PlanOrder::kRipasFirst) add(sorted.ram);
  add(sorted.content);
  add(sorted.recs);
  if (order == PlanOrder::kRipasLast) add(sorted.ram);
  return plan;
}

}  // namespace cc::cca
