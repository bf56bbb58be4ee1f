// SPDX-License-Identifier: Apache-2.0
// Realms of many shapes, measured by an implementation of its own (rim_vectors.py).
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/strings.h"
#include "cca/rim.h"
#include "jose/digest.h"

namespace cc::cca {
namespace {

using nlohmann::json;

RealmStep StepOf(const json& in) {
  if (in["step"] == "ripas") return InitRipas{in["base"], in["size"]};
  if (in["step"] == "rec") {
    return CreateRec{.runnable = in["runnable"], .mpidr = 0, .pc = in["pc"], .gprs = in["gprs"]};
  }
  const auto text = in["text"].get<std::string>();
  auto content = std::make_shared<std::string>();
  while (content->size() < in["bytes"].get<size_t>()) content->append(text);
  content->resize(in["bytes"]);
  return Populate{.base = in["base"],
                  .size = in["size"],
                  .measured = in["measured"],
                  .content = *content,
                  .owner = content};
}

RealmPlan PlanOf(const json& in) {
  const json& params = in["realm_params"];
  RealmPlan plan{.params = {.flags = params["flags"],
                            .ipa_bits = params["s2sz"],
                            .sve_vl = params["sve_vl"],
                            .num_bps = params["num_bps"],
                            .num_wps = params["num_wps"],
                            .pmu_num_ctrs = params["pmu_num_ctrs"],
                            .hash = static_cast<RealmHash>(params["hash_algo"].get<uint8_t>())}};
  for (const json& step : in["steps"]) plan.steps.push_back(StepOf(step));
  return plan;
}

TEST(RimVectors, BothImplementationsAgree) {
  const json vectors = json::parse(ReadFile(CC_CCA_RIM_VECTORS, 1 << 20).value());
  ASSERT_GT(vectors.size(), 30u);
  for (const json& vector : vectors) {
    SCOPED_TRACE(vector["name"]);
    const RealmPlan plan = PlanOf(vector);
    EXPECT_EQ(jose::ToHex(MeasureRealm(plan, RmmVersion::k1_0).value()), vector["rim"]["1.0"]);
    EXPECT_EQ(jose::ToHex(MeasureRealm(plan, RmmVersion::k2_0).value()), vector["rim"]["2.0"]);
  }
}

}  // namespace
}  // namespace cc::cca
