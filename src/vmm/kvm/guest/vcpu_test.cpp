// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <future>
#include <optional>

#include "vmm/kvm/guest/machine_parts.h"
#include "vmm/kvm/guest/test_kvm.h"
#include "vmm/kvm/guest/vcpu_threads.h"

namespace cc::vmm::kvm {
namespace {

using ::testing::HasSubstr;

class VcpuTest : public ::testing::Test {
 protected:
  void Make(uint32_t count) {
    parts_.emplace(kvm_, count, 4096);
    ASSERT_TRUE(parts_->CreateVcpus(1).ok());
    threads_ = std::make_unique<VcpuThreads>(
        *parts_, bus_, [this](int vcpu, void*) { return RunPlain(kvm_, vcpu); },
        [this](std::string why) { ended_.set_value(std::move(why)); });
  }
  std::string Ending() { return ended_.get_future().get(); }

  TestKvm kvm_;
  MmioBus bus_;
  std::optional<VmParts> parts_;
  std::promise<std::string> ended_;
  std::unique_ptr<VcpuThreads> threads_;
};

TEST_F(VcpuTest, MmioReachesTheDeviceAndComesBack) {
  Make(1);
  bus_.Add(0x1000, 0x100,
           {.read = [](uint64_t at, std::span<std::byte> data) { data[0] = static_cast<std::byte>(at); },
            .write = [](uint64_t, std::span<const std::byte>) {}});
  kvm_.Push([](kvm_run& run) {
    run.exit_reason = KVM_EXIT_MMIO;
    run.mmio.phys_addr = 0x1042;
    run.mmio.len = 4;
    run.mmio.is_write = 0;
    return 0;
  });
  kvm_.Push([](kvm_run& run) {
    EXPECT_EQ(run.mmio.data[0], 0x42);
    return TestKvm::SystemEvent(run, 1);
  });
  ASSERT_TRUE(threads_->Start().ok());
  EXPECT_EQ(Ending(), "guest powered off");
}

TEST_F(VcpuTest, LengthFromTheKernelIsBounded) {
  kvm_run run{};
  run.exit_reason = KVM_EXIT_MMIO;
  run.mmio.len = 4096;
  run.mmio.phys_addr = 0x5000;
  EXPECT_FALSE(HandleExit(&run, bus_).has_value());
}

TEST_F(VcpuTest, EndsAreToldInWords) {
  const auto end = [this](uint32_t reason, uint32_t type = 0) {
    kvm_run run{};
    run.exit_reason = reason;
    run.system_event.type = type;
    return HandleExit(&run, bus_).value_or("goes on");
  };
  EXPECT_EQ(end(KVM_EXIT_SYSTEM_EVENT, 1), "guest powered off");
  EXPECT_EQ(end(KVM_EXIT_SYSTEM_EVENT, 2), "guest rebooted, or its kernel panicked");
  EXPECT_EQ(end(KVM_EXIT_SYSTEM_EVENT, 3), "guest kernel panicked");
  EXPECT_THAT(end(KVM_EXIT_SYSTEM_EVENT, 77), HasSubstr("77"));
  EXPECT_EQ(end(KVM_EXIT_SHUTDOWN), "guest powered off");
  EXPECT_THAT(end(KVM_EXIT_FAIL_ENTRY), HasSubstr("could not enter"));
  EXPECT_THAT(end(KVM_EXIT_INTERNAL_ERROR), HasSubstr("gave up"));
  EXPECT_THAT(end(1234), HasSubstr("1234"));
  EXPECT_EQ(end(KVM_EXIT_INTR), "goes on");
}

TEST_F(VcpuTest, OnlyTheFirstEndCounts) {
  Make(3);
  for (int i = 0; i < 3; ++i) kvm_.Push([](kvm_run& run) { return TestKvm::SystemEvent(run, 1); });
  ASSERT_TRUE(threads_->Start().ok());
  EXPECT_EQ(Ending(), "guest powered off");
  threads_->Stop();
}

TEST_F(VcpuTest, FailedRunEndsTheVm) {
  Make(1);
  kvm_.Push([](kvm_run&) { return -ENOEXEC; });
  ASSERT_TRUE(threads_->Start().ok());
  EXPECT_THAT(Ending(), HasSubstr("vCPU 0 failed: run a vCPU"));
}

TEST_F(VcpuTest, PauseAndStopBringVcpusOutOfTheGuest) {
  Make(4);
  ASSERT_TRUE(threads_->Start().ok());
  for (int i = 0; i < 50; ++i) {
    threads_->Pause();
    std::atomic<bool> ran = false;
    kvm_.Push([&ran](kvm_run&) {
      ran = true;
      return -EAGAIN;
    });
    ::usleep(500);
    EXPECT_FALSE(ran) << "no vCPU runs while paused";
    threads_->Resume();
    threads_->Pause();
    threads_->Resume();
    while (!ran) ::usleep(100);
  }
  threads_->Pause();
  threads_->Stop();
}

}  // namespace
}  // namespace cc::vmm::kvm
