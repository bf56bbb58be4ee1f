// SPDX-License-Identifier: Apache-2.0
#include "cca/realm/probe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>

#include "cca/realm/fake_kvm.h"

namespace cc::cca::realm {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(Probe, FindsEachGenerationAndLeavesNothingOpen) {
  for (const GenerationAbi& abi : Generations()) {
    FakeKvm kvm({.generation = abi.id});
    const RealmSupport support = ProbeRealm(kvm, {});
    ASSERT_TRUE(support.usable()) << abi.name << ": " << support.finding;
    // v6 and v7 differ only in how the first RIPAS exit looks.
    if (abi.id == Generation::kRmeV6 || abi.id == Generation::kRmeV7) {
      EXPECT_EQ(support.abi->id, Generation::kRmeV7);
      EXPECT_THAT(support.generations, ElementsAre("RME v7", "RME v6"));
    } else {
      EXPECT_EQ(support.abi->id, abi.id);
      EXPECT_THAT(support.generations, ElementsAre(std::string(abi.name)));
    }
    EXPECT_EQ(support.capability, abi.capability);
    EXPECT_EQ(support.max_ipa_bits, 40);
    EXPECT_TRUE(support.sha256);
    EXPECT_EQ(support.sha512, abi.config);
    EXPECT_TRUE(support.fix.empty());
    EXPECT_EQ(kvm.OpenDescriptors(), 0) << abi.name;
  }
}

// Numbers that a normal 7.3 host answers to.
TEST(Probe, IsNotFooledByOtherCapabilities) {
  FakeKvm kvm({.other_capabilities = {{240, 1}, {243, 1}, {244, 7}, {251, 1}, {250, 1}}});
  const RealmSupport support = ProbeRealm(kvm, {});
  EXPECT_FALSE(support.usable());
  EXPECT_THAT(support.finding, HasSubstr("another capability's"));
  EXPECT_FALSE(support.fix.empty());
}

TEST(Probe, FindsTheGenerationBehindOtherCapabilities) {
  for (const GenerationAbi& abi : Generations()) {
    std::map<uint32_t, int> others = {{240, 1}, {243, 1}, {244, 7}, {251, 1}};
    others.erase(abi.capability);
    FakeKvm kvm({.generation = abi.id, .other_capabilities = others});
    const RealmSupport support = ProbeRealm(kvm, {});
    ASSERT_TRUE(support.usable()) << abi.name << ": " << support.finding;
    EXPECT_EQ(support.capability, abi.capability);
  }
}

TEST(Probe, TakesTheNumberThatTheKernelExports) {
  FakeKvm kvm({.generation = Generation::kRmiV13, .live_capability = 1013});
  const RealmSupport support = ProbeRealm(kvm, {});
  ASSERT_TRUE(support.usable()) << support.finding;
  EXPECT_EQ(support.abi->id, Generation::kRmiV13);
  EXPECT_EQ(support.capability, 1013u);

  FakeKvm later({.generation = Generation::kRmiV14, .live_capability = 248});
  EXPECT_EQ(ProbeRealm(later, {}).abi->id, Generation::kRmiV14) << "v13's number, v14's VM type";
}

TEST(Probe, SaysWhatIsMissing) {
  const auto finding = [](FakeKvmOptions options, const ProbeRequest& request) {
    FakeKvm kvm(std::move(options));
    const RealmSupport support = ProbeRealm(kvm, request);
    EXPECT_FALSE(support.usable());
    EXPECT_FALSE(support.fix.empty());
    EXPECT_EQ(kvm.OpenDescriptors(), 0);
    return support.finding;
  };
  using enum Generation;
  EXPECT_EQ(finding({}, {}), "KVM has no Realm capability");
  EXPECT_EQ(finding({}, {.device = "/dev/nothing"}), "open /dev/nothing: No such file or directory");
  EXPECT_EQ(finding({.generation = kRmeV9, .rmm = false}, {}),
            "KVM knows Realms, but no Realm Management Monitor (RMM) answers it");
  EXPECT_THAT(finding({.generation = kRmiV14, .rmm = false}, {}),
              HasSubstr("or no Realm Management Monitor"));
  EXPECT_THAT(finding({.generation = kRmiV15, .in_place_conversion = false}, {}),
              HasSubstr("gmem_in_place_conversion"));
  EXPECT_THAT(finding({.generation = kRmeV7}, {.page_size = 65536}), HasSubstr("pages have 65536 bytes"));
  EXPECT_THAT(finding({.generation = kRmeV7, .max_ipa_bits = 34}, {.ipa_bits = 40}),
              HasSubstr("34 address bits at most; this guest needs 40"));
  EXPECT_THAT(finding({.generation = kRmiV14}, {.hash = RealmHash::kSha512}), HasSubstr("sha512"));
  EXPECT_THAT(finding({.generation = kRmeV10, .sha512 = false}, {.hash = RealmHash::kSha512}),
              HasSubstr("sha512"));
  EXPECT_THAT(finding({.generation = kRmiV14}, {.rpv = true}), HasSubstr("personalization value"));
}

TEST(Probe, FindsTheMonitorsLimitBelowKvms) {
  FakeKvm kvm({.generation = Generation::kRmiV14, .max_ipa_bits = 36, .host_ipa_bits = 52});
  EXPECT_EQ(ProbeRealm(kvm, {}).max_ipa_bits, 36);
}

TEST(Probe, SurvivesTheFailureOfAnyCall) {
  for (const GenerationAbi& abi : Generations()) {
    FakeKvm reference({.generation = abi.id});
    ProbeRealm(reference, {});
    for (size_t i = 0; i < reference.calls(); ++i) {
      FakeKvm kvm({.generation = abi.id});
      kvm.FailCall(i, ENOMEM);
      const RealmSupport support = ProbeRealm(kvm, {});
      EXPECT_FALSE(support.finding.empty());
      EXPECT_EQ(kvm.OpenDescriptors(), 0);
    }
  }
}

}  // namespace
}  // namespace cc::cca::realm
