// SPDX-License-Identifier: Apache-2.0
#include "vmm/kvm/machine/prediction.h"

#include <algorithm>
#include <map>
#include <utility>

#include "base/status.h"
#include "cca/rim.h"

namespace cc::vmm::kvm {

absl::StatusOr<std::vector<PredictedRim>> PredictRims(const Machine& machine) {
  const cca::RealmParams& params = machine.layout.params;
  const bool wants_config =
      params.hash != cca::RealmHash::kSha256 ||
      std::any_of(params.rpv.begin(), params.rpv.end(), [](uint8_t b) { return b != 0; });
  std::vector<PredictedRim> predicted;
  std::map<std::pair<cca::PlanOrder, cca::RmmVersion>, size_t> known;
  for (const cca::GenerationAbi& abi : cca::Generations()) {
    if (wants_config && !abi.config) continue;
    const auto [entry, is_new] = known.try_emplace({abi.order, abi.rmm}, predicted.size());
    if (is_new) {
      CC_ASSIGN_OR_RETURN(const cca::RealmPlan plan, cca::OrderPlan(machine.layout, abi.order));
      CC_ASSIGN_OR_RETURN(std::string rim, cca::MeasureRealm(plan, abi.rmm));
      predicted.push_back({{}, std::move(rim)});
    }
    predicted[entry->second].generations.emplace_back(abi.name);
  }
  if (predicted.empty()) {
    return absl::FailedPreconditionError("no generation of the Realm ABI can make this guest");
  }
  return predicted;
}

absl::StatusOr<std::vector<RimByRmm>> PredictRimsOf(const Machine& machine, const cca::GenerationAbi& abi) {
  CC_ASSIGN_OR_RETURN(const cca::RealmPlan plan, cca::OrderPlan(machine.layout, abi.order));
  std::vector<RimByRmm> rims;
  for (const cca::RmmVersion rmm : {cca::RmmVersion::k1_0, cca::RmmVersion::k2_0}) {
    CC_ASSIGN_OR_RETURN(std::string rim, cca::MeasureRealm(plan, rmm));
    rims.insert(rmm == abi.rmm ? rims.begin() : rims.end(), {rmm, std::move(rim)});
  }
  return rims;
}

}  // namespace cc::vmm::kvm
