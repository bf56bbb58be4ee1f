// SPDX-License-Identifier: Apache-2.0
// The numbers once more, written as they stand in the kernel series (not computed), so that a slip in the
// table or in a structure shows.
#include "cca/generation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>

#include "cca/uapi.h"

namespace cc::cca {
namespace {

using testing::ElementsAre;

struct Expected {
  Generation id;
  const char* name;
  uint32_t capability;
  uint64_t vm_type_33;  // KVM_CREATE_VM argument for 33 address bits
  int finalize;         // -1: none
  int feature;
  uint32_t psci;  // 0: none
  uint32_t populate;
  bool moves;
  bool attributes;
  bool config;
  int no_rmm_error;
  RipasExit exit;
  RmmVersion rmm;
};

TEST(Generation, TableHoldsTheNumbersOfTheSeries) {
  using enum Generation;
  using enum RipasExit;
  using enum RmmVersion;
  const Expected table[] = {
      {kRmeV5, "RME v5", 300, 0x121, 8, -1, 0x4018aed2, 0, false, true, true, EINVAL, kDoneBefore, k1_0},
      {kRmeV6, "RME v6", 300, 0x121, 8, 8, 0x4018aed2, 0, false, true, true, EINVAL, kDoneOnNextRun, k1_0},
      {kRmeV7, "RME v7", 300, 0x121, 8, 8, 0x4018aed2, 0, false, true, true, EPERM, kFaultThenNextRun, k1_0},
      {kRmeV8, "RME v8", 240, 0x121, 8, 8, 0x4018aed6, 0, false, true, true, EPERM, kFaultThenNextRun, k1_0},
      {kRmeV9, "RME v9", 243, 0x121, 9, 9, 0x4018aed6, 0, false, true, true, EPERM, kFaultThenNextRun, k1_0},
      {kRmeV10, "RME v10", 244, 0x121, 9, 9, 0x4018aed6, 0, false, true, true, EPERM, kFaultThenNextRun,
       k1_0},
      {kRmiV12, "RMI v12", 247, 0x121, -1, -1, 0x4018aed6, 0x4020aed7, false, true, false, EPERM,
       kFaultThenNextRun, k1_0},
      {kRmiV13, "RMI v13", 248, 0x121, -1, -1, 0x4018aed6, 0xc020aed7, true, true, false, EPERM,
       kFaultThenNextRun, k2_0},
      {kRmiV14, "RMI v14", 249, 0x40000021, -1, -1, 0, 0xc020aed7, true, true, false, EINVAL,
       kFaultThenNextRun, k2_0},
      {kRmiV15, "RMI v15", 251, 0x40000021, -1, -1, 0, 0xc020aed7, true, false, false, EINVAL,
       kFaultThenNextRun, k2_0},
  };
  ASSERT_EQ(Generations().size(), std::size(table));
  for (size_t i = 0; i < std::size(table); ++i) {
    const Expected& expected = table[i];
    const GenerationAbi& abi = Generations()[i];
    SCOPED_TRACE(expected.name);
    EXPECT_EQ(abi.id, expected.id);
    EXPECT_EQ(&Describe(expected.id), &abi);
    EXPECT_EQ(abi.name, expected.name);
    EXPECT_EQ(abi.capability, expected.capability);
    EXPECT_EQ(abi.VmType(33), expected.vm_type_33);
    EXPECT_EQ(abi.finalize_rec.has_value() ? static_cast<int>(*abi.finalize_rec) : -1, expected.finalize);
    EXPECT_EQ(abi.vcpu_feature_rec.has_value() ? static_cast<int>(*abi.vcpu_feature_rec) : -1,
              expected.feature);
    EXPECT_EQ(abi.psci_complete.value_or(0), expected.psci);
    EXPECT_EQ(abi.populate.value_or(0), expected.populate);
    EXPECT_EQ(abi.populate_moves_argument, expected.moves);
    EXPECT_EQ(abi.memory_attributes, expected.attributes);
    EXPECT_EQ(abi.config, expected.config);
    EXPECT_EQ(abi.no_rmm_error, expected.no_rmm_error);
    EXPECT_EQ(abi.ripas_exit, expected.exit);
    EXPECT_EQ(abi.rmm, expected.rmm);
    EXPECT_FALSE(abi.source.empty());
  }
  EXPECT_EQ(Describe(Generation::kRmiV15).private_memory_capability, 250u);
}

// What holds for every sequence: whoever edits a table must keep it.
TEST(Generation, CallOrdersKeepTheRules) {
  for (const GenerationAbi& abi : Generations()) {
    SCOPED_TRACE(abi.name);
    const auto at = [&](Call call) {
      EXPECT_LE(std::count(abi.calls.begin(), abi.calls.end(), call), 1);
      const auto found = std::find(abi.calls.begin(), abi.calls.end(), call);
      return found == abi.calls.end() ? -1 : static_cast<int>(found - abi.calls.begin());
    };
    const int last = static_cast<int>(abi.calls.size()) - 1;
    EXPECT_EQ(at(Call::kCheckExtension), 0);
    EXPECT_EQ(at(Call::kCreateVm), 1);
    EXPECT_EQ(at(Call::kCheckVmExtension), 2);
    EXPECT_EQ(at(Call::kRun), last);
    EXPECT_LT(at(Call::kCreateVcpus), at(Call::kInitVcpus));
    EXPECT_LT(at(Call::kCreateVgic), at(Call::kInitVgic));
    EXPECT_LT(at(Call::kCreateVcpus), at(Call::kInitVgic));
    EXPECT_LT(at(Call::kCreateMemory), at(Call::kPopulate));
    EXPECT_LT(at(Call::kInitVcpus), at(Call::kPopulate)) << "the RD is made from the ID registers";
    EXPECT_LT(at(Call::kSetIdRegisters), at(Call::kPopulate));
    EXPECT_LT(at(Call::kPopulate), last);
    EXPECT_LT(at(Call::kSetBootRegisters), last);
    EXPECT_EQ(at(Call::kSetMemoryPrivate) >= 0, abi.memory_attributes);
    EXPECT_LT(at(Call::kSetMemoryPrivate), at(Call::kPopulate));
    const bool rme = abi.family == Family::kRme;
    for (Call call : {Call::kConfigHash, Call::kConfigRpv, Call::kCreateRealm, Call::kInitRipas,
                      Call::kFinalizeRecs, Call::kActivate}) {
      EXPECT_EQ(at(call) >= 0, rme);
    }
    EXPECT_EQ(abi.order == PlanOrder::kRipasFirst, rme);
    EXPECT_EQ(abi.populate.has_value(), !rme);
    if (!rme) continue;
    EXPECT_LT(at(Call::kInitVcpus), at(Call::kCreateRealm)) << "else ENXIO";
    EXPECT_LT(at(Call::kConfigHash), at(Call::kCreateRealm)) << "else EBUSY";
    EXPECT_LT(at(Call::kConfigRpv), at(Call::kCreateRealm));
    EXPECT_LT(at(Call::kCreateRealm), at(Call::kInitRipas));
    EXPECT_LT(at(Call::kInitRipas), at(Call::kPopulate));
    EXPECT_LT(at(Call::kSetBootRegisters), at(Call::kFinalizeRecs));
    EXPECT_LT(at(Call::kFinalizeRecs), at(Call::kActivate));
    EXPECT_EQ(at(Call::kActivate), last - 1);
  }
}

TEST(Generation, FoundByCapabilityNewestFirst) {
  using enum Generation;
  EXPECT_THAT(WithCapability(300), ElementsAre(kRmeV7, kRmeV6, kRmeV5));
  EXPECT_THAT(WithCapability(249), ElementsAre(kRmiV14));
  EXPECT_THAT(WithCapability(250), ElementsAre()) << "no Realm capability, only v15's companion";
}

TEST(Generation, StructuresHaveTheLayoutOfTheKernel) {
  uapi::RmeConfig config = {};
  config.item = uapi::RmeConfig::kHashAlgorithm;
  config.hash_algorithm = 1;
  const auto* bytes = reinterpret_cast<const uint8_t*>(&config);
  EXPECT_EQ(bytes[0], 1);
  EXPECT_EQ(bytes[4], 1);
  EXPECT_EQ(sizeof(uapi::RmeInitRipas), 32u);
  EXPECT_EQ(offsetof(uapi::RmePopulate, flags), 16u);
  EXPECT_EQ(offsetof(uapi::RmiPopulate, flags), 24u);
  EXPECT_EQ(offsetof(uapi::RmiPopulate, reserved), 28u);
  EXPECT_EQ(offsetof(uapi::PsciComplete, psci_status), 8u);
}

}  // namespace
}  // namespace cc::cca
