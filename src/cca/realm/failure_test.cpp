// SPDX-License-Identifier: Apache-2.0
// Each call of each generation fails in turn, while a Realm is made and while its guest moves memory: the
// error names the step, and nothing stays open.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>

#include "base/strings.h"
#include "cca/realm/fake_kvm.h"
#include "cca/realm/test_machine.h"

namespace cc::cca::realm {
namespace {

// From RealmVm::Create to the first run; then the guest shares two pages and takes one back. The probe, whose
// calls come first, is done without failures.
absl::Status Attempt(FakeKvm& kvm, const RealmSupport& support, const RealmPlan& plan, size_t* calls) {
  const size_t before = kvm.calls();
  TestMachine machine(kvm, 2);
  const auto realm = CreateRealm(kvm, support, plan, machine);
  if (!realm.ok()) return realm.status();
  if (machine.run() == nullptr) return absl::InternalError("map kvm_run");
  kvm.exits.push_back({.reason = 6});
  kvm.GuestWants(kTestRam + 0x20'0000, 2 * kGranule, false);
  kvm.GuestWants(kTestRam + 0x20'0000, kGranule, true);
  kvm.exits.push_back({.reason = 6});
  absl::Status status;
  for (int exits = 4; exits > 0 && status.ok(); --exits) {
    status = (*realm)->Run(machine.vcpu(0), machine.run()).status();
  }
  *calls = kvm.calls() - before;
  machine.Release();  // before the Realm, as the contract says
  return status;
}

class Failure : public testing::TestWithParam<int> {};

TEST_P(Failure, OfAnyCallIsAClearErrorAndReleasesEverything) {
  for (const GenerationAbi& abi : Generations()) {
    SCOPED_TRACE(abi.name);
    size_t calls = 0;
    RealmPlan plan;
    {
      FakeKvm kvm({.generation = abi.id});
      const RealmSupport support = ProbeRealm(kvm, {});
      ASSERT_TRUE(support.usable()) << support.finding;
      plan = OrderPlan(TestLayout(), support.abi->order).value();
      ASSERT_TRUE(Attempt(kvm, support, plan, &calls).ok());
    }
    ASSERT_GT(calls, 20u);
    for (size_t i = 0; i < calls; ++i) {
      FakeKvm kvm({.generation = abi.id});
      const RealmSupport support = ProbeRealm(kvm, {});
      kvm.trace.clear();
      kvm.FailCall(kvm.calls() + i, GetParam());
      size_t unused = 0;
      const absl::Status status = Attempt(kvm, support, plan, &unused);
      EXPECT_FALSE(status.ok()) << "call " << i << " after " << testing::PrintToString(kvm.trace);
      EXPECT_THAT(MessageOf(status),
                  testing::AnyOf(testing::StartsWith("open /dev/kvm: "),
                                 testing::StartsWith(StrCat("make a Realm (", support.abi->name, "): ")),
                                 testing::StartsWith("share memory: take private memory ["),
                                 testing::StartsWith("share memory: KVM_SET_MEMORY_ATTRIBUTES of ["),
                                 testing::StartsWith("make memory private: KVM_SET_MEMORY_ATTRIBUTES of ["),
                                 testing::StartsWith("make memory private: give back shared memory ["),
                                 testing::StartsWith("run a vCPU (exit reason "), "map kvm_run"));
      EXPECT_THAT(kvm.violations, testing::IsEmpty());
      EXPECT_EQ(kvm.OpenDescriptors(), 0) << status;
      EXPECT_EQ(kvm.OpenMappings(), 0) << status;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Errors, Failure, testing::Values(EINVAL, ENOSPC, ENOMEM, EIO));

TEST(Failure, IsTriedAgainWhenTheMonitorIsBusy) {
  for (const GenerationAbi& abi : Generations()) {
    FakeKvm kvm({.generation = abi.id});
    const RealmSupport support = ProbeRealm(kvm, {});
    const RealmPlan plan = OrderPlan(TestLayout(), support.abi->order).value();
    size_t calls = 0;
    // Populate is the last step with a retry that every generation has; find it by trying.
    bool retried = false;
    for (size_t i = 20; i < 40 && !retried; ++i) {
      kvm.FailCall(kvm.calls() + i, EAGAIN);
      retried = Attempt(kvm, support, plan, &calls).ok();
    }
    EXPECT_TRUE(retried) << abi.name;
  }
}

TEST(Failure, NamesTheStep) {
  FakeKvm kvm({.generation = Generation::kRmeV10, .sha512 = false});
  const RealmSupport support = ProbeRealm(kvm, {});
  RealmLayout layout = TestLayout();
  layout.params.hash = RealmHash::kSha512;
  size_t calls = 0;
  const absl::Status status =
      Attempt(kvm, support, OrderPlan(layout, PlanOrder::kRipasFirst).value(), &calls);
  EXPECT_EQ(MessageOf(status),
            "make a Realm (RME v10): CONFIG_REALM hash algorithm sha512 (the RMM may not have it): Invalid "
            "argument");
}

}  // namespace
}  // namespace cc::cca::realm
