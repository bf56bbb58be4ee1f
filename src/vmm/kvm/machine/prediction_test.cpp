// SPDX-License-Identifier: Apache-2.0
#include "vmm/kvm/machine/prediction.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "vmm/kvm/machine/test_image.h"

namespace cc::vmm::kvm {
namespace {

using testing::ElementsAre;

VmSpec Spec() {
  VmSpec spec;
  spec.arch = "aarch64";
  spec.memory_mib = 64;
  spec.tee = Tee::kCca;
  return spec;
}

Machine Describe(const VmSpec& spec, std::string initramfs = "cpio") {
  GuestFiles files{TestImage(), OwnedGuestFile("initramfs", std::move(initramfs))};
  return DescribeMachine(spec, std::move(files)).value();
}

std::vector<PredictedRim> Predict(const VmSpec& spec) { return PredictRims(Describe(spec)).value(); }

TEST(Prediction, GroupsGenerationsByWhatTheyMeasure) {
  const std::vector<PredictedRim> rims = Predict(Spec());
  ASSERT_EQ(rims.size(), 3u);
  EXPECT_THAT(rims[0].generations, ElementsAre("RME v5", "RME v6", "RME v7", "RME v8", "RME v9", "RME v10"));
  EXPECT_THAT(rims[1].generations, ElementsAre("RMI v12"));
  EXPECT_THAT(rims[2].generations, ElementsAre("RMI v13", "RMI v14", "RMI v15"));
  EXPECT_NE(rims[0].rim, rims[1].rim);
  EXPECT_NE(rims[1].rim, rims[2].rim);
  for (const PredictedRim& rim : rims) EXPECT_EQ(rim.rim.size(), 32u);
  EXPECT_EQ(Predict(Spec())[0].rim, rims[0].rim) << "reproducible";
}

TEST(Prediction, LeavesOutWhoCannotMakeIt) {
  VmSpec spec = Spec();
  spec.realm.hash = RealmSpec::Hash::kSha512;
  const std::vector<PredictedRim> rims = Predict(spec);
  ASSERT_EQ(rims.size(), 1u);
  EXPECT_EQ(rims[0].rim.size(), 64u);
  EXPECT_EQ(rims[0].generations.size(), 6u);
}

TEST(Prediction, TellsWhatEitherRmmMakesOfAGeneration) {
  const std::vector<PredictedRim> all = Predict(Spec());
  const auto v14 = PredictRimsOf(Describe(Spec()), cca::Describe(cca::Generation::kRmiV14)).value();
  ASSERT_EQ(v14.size(), 2u);
  EXPECT_EQ(v14[0].rmm, cca::RmmVersion::k2_0);
  EXPECT_EQ(v14[0].rim, all[2].rim);
  EXPECT_EQ(v14[1].rmm, cca::RmmVersion::k1_0);
  EXPECT_EQ(v14[1].rim, all[1].rim) << "v12 builds in the same order on RMM 1.0";
  const auto v5 = PredictRimsOf(Describe(Spec()), cca::Describe(cca::Generation::kRmeV5)).value();
  EXPECT_EQ(v5[0].rmm, cca::RmmVersion::k1_0);
  EXPECT_EQ(v5[0].rim, all[0].rim);
  EXPECT_NE(v5[1].rim, v5[0].rim);
}

// The personalization value is in the token, not in the measurement.
TEST(Prediction, DependsOnEverythingMeasuredAndNothingElse) {
  const std::string base = Predict(Spec())[0].rim;
  VmSpec rpv = Spec();
  rpv.realm.rpv[0] = 1;
  EXPECT_EQ(Predict(rpv)[0].rim, base);
  VmSpec vcpus = Spec();
  vcpus.vcpus = 2;
  EXPECT_NE(Predict(vcpus)[0].rim, base);
  VmSpec memory = Spec();
  memory.memory_mib = 66;
  EXPECT_NE(Predict(memory)[0].rim, base);
  VmSpec cmdline = Spec();
  cmdline.cmdline = {"quiet"};
  EXPECT_NE(Predict(cmdline)[0].rim, base);
  EXPECT_NE(PredictRims(Describe(Spec(), "other"))->front().rim, base);
}

}  // namespace
}  // namespace cc::vmm::kvm
