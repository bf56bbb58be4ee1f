// SPDX-License-Identifier: Apache-2.0
// The calls of each generation from /dev/kvm to the first KVM_RUN, written out: request numbers, arguments,
// order. The fake keeps the state machine and measures what it is told.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "base/strings.h"
#include "cca/realm/fake_kvm.h"
#include "cca/realm/test_machine.h"

namespace cc::cca::realm {
namespace {

using testing::ElementsAreArray;

struct Made {
  absl::StatusOr<std::unique_ptr<RealmVm>> realm = absl::UnknownError("not made");
  RealmPlan plan;
};

Made Make(FakeKvm& kvm, TestMachine& machine, const RealmLayout& layout = TestLayout()) {
  Made made;
  const RealmSupport support = ProbeRealm(kvm, {});
  EXPECT_TRUE(support.usable()) << support.finding;
  if (!support.usable()) return made;
  made.plan = OrderPlan(layout, support.abi->order).value();
  kvm.trace.clear();
  made.realm = CreateRealm(kvm, support, made.plan, machine);
  return made;
}

std::string Rim(const RealmPlan& plan) { return MeasureRealm(plan, RmmVersion::k1_0).value(); }

using Lines = std::vector<std::string>;
void Append(Lines& lines, const Lines& more) { lines.insert(lines.end(), more.begin(), more.end()); }

const Lines kBootRegisters = {
    "vcpu0 0x4010aeac 0x6030000000100000 = 0x80000000", "vcpu0 0x4010aeac 0x6030000000100002 = 0x0",
    "vcpu0 0x4010aeac 0x6030000000100004 = 0x0",        "vcpu0 0x4010aeac 0x6030000000100006 = 0x0",
    "vcpu0 0x4010aeac 0x6030000000100008 = 0x0",        "vcpu0 0x4010aeac 0x603000000010000a = 0x0",
    "vcpu0 0x4010aeac 0x603000000010000c = 0x0",        "vcpu0 0x4010aeac 0x603000000010000e = 0x0",
    "vcpu0 0x4010aeac 0x6030000000100040 = 0x80200000"};

const Lines kMemory = {"vm 0xc040aed4 size 0x400000 flags 0", "memory realm-shared 0x400000",
                       "vm 0x40a0ae49 slot 0 flags 4 0x80000000 0x400000 memfd0+0"};

// `cap` and the vCPU feature bit are what the generations differ in.
Lines RmeSequence(const std::string& cap, const std::string& boot_features, const std::string& other_features,
                  const std::string& rec) {
  const std::string enable = "vm 0x4068aea3 cap " + cap;
  Lines lines = {"open /dev/kvm",
                 "kvm 0xae03 cap " + cap,
                 "kvm 0xae01 type 0x121",
                 "vm 0xae03 cap " + cap,
                 "vm 0xae03 cap 231",
                 "vm 0xae03 cap 234",
                 "vm 0xae03 cap 233",
                 "vm 0xc00caee0 type 7",
                 "vm 0xae41 id 0",
                 "vm 0xae41 id 1",
                 "vm 0x8020aeaf",
                 "vcpu0 0x4020aeae features " + boot_features,
                 "vcpu1 0x4020aeae features " + other_features,
                 enable + " command 0 config 1 hash 1",
                 enable + " command 0 config 0 rpv 7..9",
                 "vcpu0 0x4010aeab 0x603000000013c028",
                 "vgic 0x4018aee1 group 4 attr 0x0"};
  Append(lines, kMemory);
  Append(lines, {enable + " command 1", "vm 0x4020aed2 0x80000000 0x400000 attributes 8",
                 enable + " command 2 0x80000000 0x400000", enable + " command 3 0x80000000 0x1000 flags 1",
                 "madvise 9 +0x0 0x1000", enable + " command 3 0x80200000 0x4000 flags 1",
                 "madvise 9 +0x200000 0x4000"});
  Append(lines, kBootRegisters);
  Append(lines, {"vcpu0 0x4004aec2 feature " + rec, "vcpu1 0x4004aec2 feature " + rec, enable + " command 4",
                 "vcpu0 0xae80"});
  return lines;
}

Lines RmiSequence(const std::string& cap, const std::string& type, const Lines& vm_capabilities,
                  bool attributes, const std::string& populate) {
  Lines lines = {"open /dev/kvm", "kvm 0xae03 cap " + cap, "kvm 0xae01 type " + type, "vm 0xae03 cap " + cap};
  Append(lines, vm_capabilities);
  Append(lines, kMemory);
  Append(lines, {"vm 0xae41 id 0", "vm 0xae41 id 1", "vm 0xc00caee0 type 7",
                 "vgic 0x4018aee1 group 4 attr 0x0", "vm 0x8020aeaf", "vcpu0 0x4020aeae features 0x4",
                 "vcpu1 0x4020aeae features 0x5", "vcpu0 0x4010aeab 0x603000000013c028"});
  if (attributes) lines.push_back("vm 0x4020aed2 0x80000000 0x400000 attributes 8");
  Append(lines, {"vm " + populate + " 0x80000000 0x1000 flags 1 reserved 0",
                 "vm " + populate + " 0x80200000 0x4000 flags 1 reserved 0"});
  Append(lines, kBootRegisters);
  lines.push_back("vcpu0 0xae80");
  return lines;
}

Lines Golden(Generation generation) {
  const Lines with_attributes = {"vm 0xae03 cap 231", "vm 0xae03 cap 234", "vm 0xae03 cap 233"};
  switch (generation) {
    case Generation::kRmeV5:
      return RmeSequence("300", "0x4", "0x5", "8");
    case Generation::kRmeV6:
    case Generation::kRmeV7:
      return RmeSequence("300", "0x104", "0x105", "8");
    case Generation::kRmeV8:
      return RmeSequence("240", "0x104", "0x105", "8");
    case Generation::kRmeV9:
      return RmeSequence("243", "0x204", "0x205", "9");
    case Generation::kRmeV10:
      return RmeSequence("244", "0x204", "0x205", "9");
    case Generation::kRmiV12:
      return RmiSequence("247", "0x121", with_attributes, true, "0x4020aed7");
    case Generation::kRmiV13:
      return RmiSequence("248", "0x121", with_attributes, true, "0xc020aed7");
    case Generation::kRmiV14:
      return RmiSequence("249", "0x40000021", with_attributes, true, "0xc020aed7");
    case Generation::kRmiV15:
      return RmiSequence("251", "0x40000021", {"vm 0xae03 cap 231", "vm 0xae03 cap 234", "vm 0xae03 cap 250"},
                         false, "0xc020aed7");
  }
  return {};
}

class Sequence : public testing::TestWithParam<Generation> {};

TEST_P(Sequence, IsTheOneOfTheSeriesAndGivesThePredictedMeasurement) {
  const GenerationAbi& abi = Describe(GetParam());
  FakeKvm kvm({.generation = GetParam()});
  RealmLayout layout = TestLayout();
  if (abi.config) {
    layout.params.hash = RealmHash::kSha512;
    layout.params.rpv.front() = 7;
    layout.params.rpv.back() = 9;
  }
  TestMachine machine(kvm, 2);
  const Made made = Make(kvm, machine, layout);
  ASSERT_TRUE(made.realm.ok()) << made.realm.status();
  kvm.exits.push_back({.reason = 6});  // KVM_EXIT_MMIO
  const absl::StatusOr<RunResult> result = (*made.realm)->Run(machine.vcpu(0), machine.run());
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(*result, RunResult::kExit);
  EXPECT_THAT(kvm.trace, ElementsAreArray(Golden(GetParam())));
  EXPECT_TRUE(kvm.realm()->active());
  EXPECT_EQ(kvm.realm()->rim(), Rim(made.plan));
  EXPECT_EQ(kvm.realm()->rpv(), layout.params.rpv);
}

TEST_P(Sequence, ChangesTheNumberOfBreakpointsOnlyWhereItMust) {
  FakeKvm kvm({.generation = GetParam()});
  RealmLayout layout = TestLayout();
  layout.params.num_bps = 1;
  layout.params.num_wps = 1;
  TestMachine machine(kvm, 2);
  const Made made = Make(kvm, machine, layout);
  ASSERT_TRUE(made.realm.ok()) << made.realm.status();
  kvm.exits.push_back({.reason = 6});
  ASSERT_TRUE((*made.realm)->Run(machine.vcpu(0), machine.run()).ok());
  EXPECT_THAT(kvm.trace, testing::Contains("vcpu0 0x4010aeac 0x603000000013c028 = 0x10101006"));
  EXPECT_EQ(kvm.realm()->rim(), Rim(made.plan));
}

TEST_P(Sequence, LeavesNothingBehind) {
  FakeKvm kvm({.generation = GetParam()});
  {
    TestMachine machine(kvm, 2);
    const Made made = Make(kvm, machine);
    ASSERT_TRUE(made.realm.ok()) << made.realm.status();
    EXPECT_GT(kvm.OpenDescriptors(), 0);
    machine.Release();
  }
  EXPECT_EQ(kvm.OpenDescriptors(), 0);
  EXPECT_EQ(kvm.OpenMappings(), 0);
}

INSTANTIATE_TEST_SUITE_P(Generations, Sequence,
                         testing::Values(Generation::kRmeV5, Generation::kRmeV6, Generation::kRmeV7,
                                         Generation::kRmeV8, Generation::kRmeV9, Generation::kRmeV10,
                                         Generation::kRmiV12, Generation::kRmiV13, Generation::kRmiV14,
                                         Generation::kRmiV15),
                         [](const auto& info) {
                           std::string name(Describe(info.param).name);
                           name.erase(name.find(' '), 1);
                           return name;
                         });

// Whole pages of a mapped file go in from where they are, the rest through a copy; KVM may stop anywhere.
TEST(RmiPopulate, GoesOnWhereKvmStopped) {
  for (const Generation generation : {Generation::kRmiV12, Generation::kRmiV13, Generation::kRmiV15}) {
    FakeKvm kvm({.generation = generation, .populate_bytes = 4096});
    alignas(4096) static char file[3 * 4096];
    std::memset(file, 'f', sizeof(file));
    RealmLayout layout = TestLayout();
    layout.content[0].content = std::string_view(file, 2 * 4096 + 17);
    TestMachine machine(kvm, 2);
    const Made made = Make(kvm, machine, layout);
    ASSERT_TRUE(made.realm.ok()) << made.realm.status();
    kvm.exits.push_back({.reason = 6});
    ASSERT_TRUE((*made.realm)->Run(machine.vcpu(0), machine.run()).ok());
    EXPECT_EQ(kvm.realm()->rim(), Rim(made.plan));
    machine.Release();
  }
}

TEST(RmiPopulate, GivesUpWhenKvmDoesNothing) {
  for (const Generation generation : {Generation::kRmiV12, Generation::kRmiV14}) {
    FakeKvm kvm({.generation = generation, .populate_stuck = true});
    TestMachine machine(kvm, 2);
    const Made made = Make(kvm, machine);
    EXPECT_EQ(made.realm.status().code(), absl::StatusCode::kInternal);
    EXPECT_THAT(
        MessageOf(made.realm.status()),
        testing::HasSubstr("KVM_ARM_RMI_POPULATE of [0x80000000, +0x1000): KVM says that it did 0 bytes"));
  }
}

TEST(RealmVm, RefusesWhatTheGenerationCannotDo) {
  FakeKvm kvm({.generation = Generation::kRmiV14});
  const RealmSupport support = ProbeRealm(kvm, {});
  RealmLayout layout = TestLayout();
  layout.params.rpv[0] = 1;
  TestMachine machine(kvm, 2);
  const auto create = [&](PlanOrder order) {
    return CreateRealm(kvm, support, OrderPlan(layout, order).value(), machine).status();
  };
  EXPECT_EQ(create(PlanOrder::kRipasLast).code(), absl::StatusCode::kFailedPrecondition);
  layout.params.rpv[0] = 0;
  EXPECT_EQ(create(PlanOrder::kRipasFirst).code(), absl::StatusCode::kInvalidArgument);
  layout.params.hash = RealmHash::kSha512;
  EXPECT_EQ(create(PlanOrder::kRipasLast).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(kvm.OpenDescriptors(), 0);
}

TEST(RealmVm, RefusesTwoRangesOfContentOnOnePage) {
  RealmLayout layout = TestLayout();
  layout.content[1].base = layout.content[0].base + 3 * kGranule;
  EXPECT_FALSE(OrderPlan(layout, PlanOrder::kRipasFirst).ok());
}

}  // namespace
}  // namespace cc::cca::realm
