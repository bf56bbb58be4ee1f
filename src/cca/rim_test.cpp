// SPDX-License-Identifier: Apache-2.0
#include "cca/rim.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/strings.h"
#include "cca/recorded_rim.h"
#include "cca/testdata.h"
#include "jose/digest.h"

namespace cc::cca {
namespace {

using jose::Digest;
using jose::Hash;
using jose::ToHex;

// Whatever recordings are there: further ones are put beside the first.
TEST(Rim, EqualsWhatRealRealmsReported) {
  CC_SKIP_WITHOUT_TESTDATA();
  size_t found = 0;
  for (const auto& file : std::filesystem::directory_iterator(TestDataPath(""))) {
    const std::string name = file.path().filename().string();
    if (!name.starts_with("rim-")) continue;
    SCOPED_TRACE(name);
    ++found;
    const RecordedRim recorded(file.path().string());
    RimCalculator calculator(recorded.params, RmmVersion::k1_0);
    EXPECT_EQ(ToHex(calculator.rim()), recorded.rim_after_params);
    for (const InitRipas& range : recorded.ripas) calculator.Add(range);
    for (const auto& [ipa, hash] : recorded.pages) ASSERT_TRUE(calculator.AddPage(ipa, hash).ok());
    calculator.Add(recorded.boot);
    calculator.Add(CreateRec{.runnable = false, .pc = 1});
    EXPECT_EQ(ToHex(calculator.rim()), recorded.rim);
  }
  EXPECT_GE(found, 1u);
}

TEST(Rim, EachInputOfTheRealRealmCounts) {
  CC_SKIP_WITHOUT_TESTDATA();
  const RecordedRim recorded(TestDataPath("rim-sha256.json.gz"));
  const InitRipas ripas_of_all = recorded.ripas.at(0);
  const auto measure = [](const RealmParams& params, const InitRipas& ripas, const CreateRec& rec) {
    RimCalculator calculator(params, RmmVersion::k1_0);
    calculator.Add(ripas);
    calculator.Add(rec);
    return calculator.rim();
  };
  const std::string reference = measure(recorded.params, ripas_of_all, recorded.boot);
  for (int field = 0; field < 6; ++field) {
    RealmParams params = recorded.params;
    if (field == 0) params.flags ^= 2;
    if (field == 1) ++params.ipa_bits;
    if (field == 2) ++params.sve_vl;
    if (field == 3) ++params.num_bps;
    if (field == 4) ++params.num_wps;
    if (field == 5) ++params.pmu_num_ctrs;
    EXPECT_NE(measure(params, ripas_of_all, recorded.boot), reference) << field;
  }
  RealmParams params = recorded.params;
  params.rpv[0] = 1;
  EXPECT_EQ(measure(params, ripas_of_all, recorded.boot), reference) << "the RPV is not measured";
  CreateRec rec = recorded.boot;
  rec.mpidr = 7;
  EXPECT_EQ(measure(recorded.params, ripas_of_all, rec), reference) << "the MPIDR is not measured";
  rec.gprs[0] += 8;
  EXPECT_NE(measure(recorded.params, ripas_of_all, rec), reference);
}

// Descriptors written out by hand, byte after byte, as the RMM specification draws them.
std::string Le64(uint64_t number) {
  std::string out;
  for (int i = 0; i < 8; ++i) out.push_back(static_cast<char>(number >> (8 * i)));
  return out;
}

std::string Pad(std::string text, size_t size) {
  text.resize(size, '\0');
  return text;
}

struct Vector {
  RealmHash realm;
  Hash hash;
};

class RimByHand : public testing::TestWithParam<Vector> {
 protected:
  RealmParams params_ = {.flags = 6,
                         .ipa_bits = 33,
                         .sve_vl = 2,
                         .num_bps = 5,
                         .num_wps = 3,
                         .pmu_num_ctrs = 4,
                         .hash = GetParam().realm};
  std::string H(std::string_view bytes) const { return Digest(GetParam().hash, bytes); }
  std::string ParamsRim() const {
    std::string page = Le64(6) + Le64(33) + Le64(2) + Le64(5) + Le64(3) + Le64(4);
    page += Le64(static_cast<uint64_t>(GetParam().realm));
    return H(Pad(page, 4096));
  }
};

TEST_P(RimByHand, Parameters) { EXPECT_EQ(RimCalculator(params_, RmmVersion::k1_0).rim(), ParamsRim()); }

TEST_P(RimByHand, MeasuredAndUnmeasuredPages) {
  RimCalculator calculator(params_, RmmVersion::k1_0);
  ASSERT_TRUE(calculator.Add(Populate{.base = 0x80000000, .size = 0x2000, .content = "hello"}).ok());
  ASSERT_TRUE(calculator.Add(Populate{.base = 0x90000000, .size = 0x1000, .measured = false}).ok());
  std::string rim = ParamsRim();
  rim =
      H(Pad(Le64(0) + Le64(0x100) + Pad(rim, 64) + Le64(0x80000000) + Le64(1) + H(Pad("hello", 4096)), 256));
  rim = H(Pad(Le64(0) + Le64(0x100) + Pad(rim, 64) + Le64(0x80001000) + Le64(1) + H(Pad("", 4096)), 256));
  rim = H(Pad(Le64(0) + Le64(0x100) + Pad(rim, 64) + Le64(0x90000000) + Le64(0), 256));
  EXPECT_EQ(calculator.rim(), rim);
}

TEST_P(RimByHand, RipasOnlyInRmm1) {
  RimCalculator first(params_, RmmVersion::k1_0);
  first.Add(InitRipas{0x80000000, 0x401000});
  std::string rim = ParamsRim();
  const auto extend = [&](uint64_t base, uint64_t top) {
    rim = H(Pad(Le64(2) + Le64(0x100) + Pad(rim, 64) + Le64(base) + Le64(top), 256));
  };
  extend(0x80000000, 0x80200000);
  extend(0x80200000, 0x80400000);
  extend(0x80400000, 0x80401000);
  EXPECT_EQ(first.rim(), rim);
  RimCalculator second(params_, RmmVersion::k2_0);
  second.Add(InitRipas{0x80000000, 0x401000});
  EXPECT_EQ(second.rim(), ParamsRim());
}

TEST_P(RimByHand, RunnableRecOnly) {
  RimCalculator calculator(params_, RmmVersion::k1_0);
  CreateRec rec{.runnable = true, .mpidr = 1, .pc = 0x80080000};
  for (size_t i = 0; i < 8; ++i) rec.gprs[i] = 0x100 + i;
  calculator.Add(rec);
  rec.runnable = false;
  calculator.Add(rec);
  std::string page = Pad(Le64(1), 0x200) + Le64(0x80080000);
  page = Pad(page, 0x300);
  for (uint64_t i = 0; i < 8; ++i) page += Le64(0x100 + i);
  const std::string rim = H(Pad(Le64(1) + Le64(0x100) + Pad(ParamsRim(), 64) + H(Pad(page, 4096)), 256));
  EXPECT_EQ(calculator.rim(), rim);
}

INSTANTIATE_TEST_SUITE_P(Algorithms, RimByHand,
                         testing::Values(Vector{RealmHash::kSha256, Hash::kSha256},
                                         Vector{RealmHash::kSha512, Hash::kSha512}),
                         [](const auto& info) {
                           return std::string(info.param.realm == RealmHash::kSha256 ? "Sha256" : "Sha512");
                         });

RealmLayout SmallLayout() {
  RealmLayout layout;
  layout.params.ipa_bits = 33;
  layout.ram = {{0x80000000, 0x400000}};
  layout.content = {{.base = 0x80200000, .size = 0x1000, .content = "dtb"},
                    {.base = 0x80000000, .size = 0x2000, .content = "kernel"}};
  layout.recs = {{.runnable = true, .pc = 0x80000000}, {.mpidr = 1}};
  return layout;
}

TEST(Rim, FoldsAPlanInItsOrder) {
  const RealmLayout layout = SmallLayout();
  RimCalculator first(layout.params, RmmVersion::k1_0);
  first.Add(layout.ram[0]);
  ASSERT_TRUE(first.Add(layout.content[1]).ok());
  ASSERT_TRUE(first.Add(layout.content[0]).ok());
  first.Add(layout.recs[0]);
  EXPECT_EQ(MeasureRealm(OrderPlan(layout, PlanOrder::kRipasFirst).value(), RmmVersion::k1_0).value(),
            first.rim());

  RimCalculator last(layout.params, RmmVersion::k1_0);
  ASSERT_TRUE(last.Add(layout.content[1]).ok());
  ASSERT_TRUE(last.Add(layout.content[0]).ok());
  last.Add(layout.recs[0]);
  last.Add(layout.ram[0]);
  EXPECT_EQ(MeasureRealm(OrderPlan(layout, PlanOrder::kRipasLast).value(), RmmVersion::k1_0).value(),
            last.rim());
  EXPECT_NE(first.rim(), last.rim());
}

TEST(Rim, OrderOfRipasDoesNotMatterInRmm2) {
  const RealmLayout layout = SmallLayout();
  EXPECT_EQ(MeasureRealm(OrderPlan(layout, PlanOrder::kRipasFirst).value(), RmmVersion::k2_0).value(),
            MeasureRealm(OrderPlan(layout, PlanOrder::kRipasLast).value(), RmmVersion::k2_0).value());
}

TEST(Rim, RefusesAPageThatIsPopulatedTwice) {
  RealmPlan plan{.params = {.ipa_bits = 33}};
  plan.steps.push_back(Populate{.base = 0x80000000, .size = 0x2000});
  plan.steps.push_back(Populate{.base = 0x80001000, .size = 0x1000});
  EXPECT_EQ(MeasureRealm(plan, RmmVersion::k1_0).status().code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace cc::cca
