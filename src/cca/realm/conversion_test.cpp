// SPDX-License-Identifier: Apache-2.0
// The guest moves pages between private and shared while it runs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <cstring>
#include <limits>
#include <random>

#include "base/strings.h"
#include "cca/realm/fake_kvm.h"
#include "cca/realm/test_machine.h"

namespace cc::cca::realm {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr uint64_t kPage = kGranule;
constexpr uint64_t kKernel = kTestRam + 0x20'0000;

class Running {
 public:
  explicit Running(Generation generation) : kvm({.generation = generation}), machine(kvm, 2) {
    const RealmSupport support = ProbeRealm(kvm, {});
    plan_ = OrderPlan(TestLayout(), support.abi->order).value();
    realm = CreateRealm(kvm, support, plan_, machine).value();
    kvm.exits.push_back({.reason = 6});
    EXPECT_TRUE(Run().ok());
    kvm.trace.clear();
  }
  ~Running() { machine.Release(); }

  absl::StatusOr<RunResult> Run() { return realm->Run(machine.vcpu(0), machine.run()); }

  // The wish, and the run that commits it.
  void Wish(uint64_t gpa, uint64_t size, bool to_private) {
    kvm.GuestWants(gpa, size, to_private);
    kvm.exits.push_back({.reason = 6});
    absl::StatusOr<RunResult> result = Run();
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(*result, RunResult::kAgain);
    result = Run();
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(*result, RunResult::kExit);
    EXPECT_THAT(kvm.violations, IsEmpty());
    EXPECT_EQ(kvm.realm()->leaked_pages, 0u);
  }

  FakeKvm kvm;
  TestMachine machine;
  std::unique_ptr<RealmVm> realm;

 private:
  RealmPlan plan_;
};

class Conversion : public testing::TestWithParam<Generation> {
 protected:
  bool attributes() const { return Describe(GetParam()).memory_attributes; }
};

// Every Linux guest does it at boot.
TEST_P(Conversion, OfAllRamToPrivateIsHarmless) {
  Running vm(GetParam());
  vm.Wish(kTestRam, kTestRamSize, true);
  EXPECT_THAT(vm.kvm.trace, ElementsAre("vcpu0 0xae80", "vcpu0 0xae80"));
  EXPECT_TRUE(vm.kvm.realm()->HasPrivatePage(kKernel));
}

TEST_P(Conversion, ToSharedTakesThePageWhileItIsPrivate) {
  Running vm(GetParam());
  vm.Wish(kKernel, 2 * kPage, false);
  if (attributes()) {
    EXPECT_THAT(vm.kvm.trace, ElementsAre("vcpu0 0xae80", "fallocate memfd0 3 +0x200000 0x2000",
                                          "vm 0x4020aed2 0x80200000 0x2000 attributes 0", "vcpu0 0xae80"));
  } else {
    EXPECT_THAT(vm.kvm.trace,
                ElementsAre("vcpu0 0xae80", "fallocate memfd0 3 +0x200000 0x2000", "vcpu0 0xae80"));
  }
  EXPECT_FALSE(vm.kvm.realm()->HasPrivatePage(kKernel));
  EXPECT_TRUE(vm.kvm.realm()->HasPrivatePage(kKernel + 2 * kPage)) << "the neighbour keeps its content";
}

TEST_P(Conversion, BackToPrivateDropsTheSharedContent) {
  Running vm(GetParam());
  vm.Wish(kKernel, kPage, false);
  const std::span<std::byte> shared = vm.realm->memory().Shared(kKernel, kPage);
  shared[0] = std::byte{1};
  vm.kvm.trace.clear();
  vm.Wish(kTestRam, kTestRamSize, true);
  EXPECT_EQ(shared[0], std::byte{0});
  if (attributes()) {
    EXPECT_THAT(vm.kvm.trace, ElementsAre("vcpu0 0xae80", "vm 0x4020aed2 0x80200000 0x1000 attributes 8",
                                          "madvise 9 +0x200000 0x1000", "vcpu0 0xae80"));
  } else {
    EXPECT_THAT(vm.kvm.trace, ElementsAre("vcpu0 0xae80", "madvise 9 +0x200000 0x1000", "vcpu0 0xae80"));
  }
}

TEST_P(Conversion, ASecondTimeDoesNothing) {
  Running vm(GetParam());
  vm.Wish(kKernel, kPage, false);
  vm.realm->memory().Shared(kKernel, kPage)[0] = std::byte{1};
  vm.kvm.trace.clear();
  vm.Wish(kKernel, kPage, false);
  EXPECT_THAT(vm.kvm.trace, ElementsAre("vcpu0 0xae80", "vcpu0 0xae80"));
  EXPECT_EQ(vm.realm->memory().Shared(kKernel, kPage)[0], std::byte{1}) << "shared content stays";
}

TEST_P(Conversion, OfWhatIsNoRamIsLeftAlone) {
  Running vm(GetParam());
  vm.Wish(0x0900'0000, kPage, false);
  vm.Wish(kTestRam + kTestRamSize, 0x1'0000, false);
  EXPECT_THAT(vm.kvm.trace, ElementsAre("vcpu0 0xae80", "vcpu0 0xae80", "vcpu0 0xae80", "vcpu0 0xae80"));
  vm.Wish(kTestRam - kPage, 3 * kPage, false);  // partly RAM
  EXPECT_THAT(vm.kvm.trace, testing::Contains("fallocate memfd0 3 +0x0 0x2000"));
}

TEST_P(Conversion, WithTheSharedBitMeansTheSamePage) {
  Running vm(GetParam());
  vm.Wish(kKernel | uint64_t{1} << 32, kPage, false);
  EXPECT_FALSE(vm.kvm.realm()->HasPrivatePage(kKernel));
}

TEST_P(Conversion, OfHalfAPageOrPastTheEndOfNumbersIsRefused) {
  Running vm(GetParam());
  for (const auto& [gpa, size] : {std::pair<uint64_t, uint64_t>{kKernel + 1, kPage},
                                  {kKernel, kPage / 2},
                                  {kTestRam, std::numeric_limits<uint64_t>::max() - kPage + 1}}) {
    vm.kvm.GuestWants(gpa, size, false);
    EXPECT_EQ(vm.Run().status().code(), absl::StatusCode::kInvalidArgument) << gpa << " " << size;
  }
  EXPECT_TRUE(vm.kvm.realm()->HasPrivatePage(kKernel));
}

TEST_P(Conversion, InAnyOrderKeepsBothSidesConsistent) {
  Running vm(GetParam());
  std::mt19937 random(GetParam() == Generation::kRmiV15 ? 1 : 2);
  const auto pages = kTestRamSize / kPage;
  for (int i = 0; i < 300; ++i) {
    const uint64_t first = random() % pages;
    const uint64_t count = 1 + random() % std::min<uint64_t>(pages - first, 64);
    const bool to_private = random() % 2 == 0;
    vm.Wish(kTestRam + first * kPage, count * kPage, to_private);
    if (to_private) vm.kvm.realm()->Touch(kTestRam + first * kPage);
  }
}

INSTANTIATE_TEST_SUITE_P(Generations, Conversion,
                         testing::Values(Generation::kRmeV5, Generation::kRmeV6, Generation::kRmeV7,
                                         Generation::kRmeV10, Generation::kRmiV12, Generation::kRmiV13,
                                         Generation::kRmiV14, Generation::kRmiV15));

TEST(Run, TellsResultsApart) {
  Running vm(Generation::kRmiV14);
  const auto next = [&](int result, uint32_t reason) {
    vm.kvm.exits.push_back({.result = result, .reason = reason});
    return vm.Run();
  };
  EXPECT_EQ(*next(-EINTR, 0), RunResult::kInterrupted);
  EXPECT_EQ(*next(-EAGAIN, 0), RunResult::kAgain);
  EXPECT_EQ(*next(0, 24), RunResult::kExit);
  for (const uint32_t off : {0, 8}) {
    EXPECT_EQ(*next(0, off), RunResult::kAgain) << "why is told by the vCPU that did it";
  }
  EXPECT_EQ(next(-ENXIO, 0).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_FALSE(next(-EFAULT, 0).ok()) << "EFAULT without a reason is an error of ours";
  EXPECT_FALSE(next(-ENOMEM, 0).ok());
}

TEST(Run, ReportsDevicesByTheirAddressInTheDeviceTree) {
  for (const uint64_t address : {uint64_t{0x0a00'0070}, uint64_t{0x1'0a00'0070}}) {
    Running vm(Generation::kRmeV7);
    vm.kvm.exits.push_back({.reason = 6, .flags = address});  // the first word of the exit's data
    ASSERT_EQ(*vm.Run(), RunResult::kExit);
    uint64_t reported = 0;
    std::memcpy(&reported, static_cast<char*>(vm.machine.run()) + 32, sizeof(reported));
    EXPECT_EQ(reported, 0x0a00'0070u);
  }
}

// Seen on a Realm: without it a guest polls its first device for ever.
TEST(Run, LetsKvmCompleteWhatTheGuestRead) {
  Running vm(Generation::kRmeV5);
  for (int i = 0; i < 2; ++i) {
    vm.kvm.exits.push_back({.reason = 6, .flags = 0x0a00'0000});
    ASSERT_EQ(*vm.Run(), RunResult::kExit);
  }
  vm.Wish(kKernel, kPage, false);
  EXPECT_THAT(vm.kvm.violations, IsEmpty());
}

// kvm_run still holds the reason of the run before when KVM_RUN fails early.
TEST(Run, DoesNotTakeAnOldReasonForANewOne) {
  Running vm(Generation::kRmiV14);
  vm.Wish(kKernel, kPage, false);
  vm.kvm.GuestWants(kKernel + kPage, kPage, false);
  ASSERT_EQ(*vm.Run(), RunResult::kAgain);
  vm.kvm.FailCall(vm.kvm.calls(), EFAULT);
  EXPECT_FALSE(vm.Run().ok());
}

TEST(Run, AVcpuThatIsToldToDieOnceStaysDead) {
  // KVM creates the RECs at the first run; a failure there is for ever.
  FakeKvm kvm({.generation = Generation::kRmiV14});
  const RealmSupport support = ProbeRealm(kvm, {});
  const RealmPlan plan = OrderPlan(TestLayout(), support.abi->order).value();
  TestMachine machine(kvm, 2);
  const auto realm = CreateRealm(kvm, support, plan, machine).value();
  kvm.realm()->vcpus[1].initialised = false;
  EXPECT_FALSE(realm->Run(machine.vcpu(0), machine.run()).ok());
  kvm.realm()->vcpus[1].initialised = true;
  EXPECT_THAT(MessageOf(realm->Run(machine.vcpu(0), machine.run()).status()),
              testing::HasSubstr("the Realm is dead"));
  machine.Release();
}

TEST(SharedAlias, IsTheHighestAddressBit) {
  constexpr SharedAlias alias(33);
  EXPECT_EQ(alias.bit(), 0x1'0000'0000u);
  EXPECT_EQ(alias.Strip(0x1'9be2'0000), 0x9be2'0000u);
  EXPECT_EQ(alias.Strip(0x9be2'0000), 0x9be2'0000u);
  EXPECT_EQ(alias.Shared(0x900'0000), 0x1'0900'0000u);
}

}  // namespace
}  // namespace cc::cca::realm
