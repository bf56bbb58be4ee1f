// SPDX-License-Identifier: Apache-2.0
#include "vmm/kvm/guest/guest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <future>
#include <optional>
#include <utility>

#include "base/file.h"
#include "base/strings.h"
#include "vmm/kvm/guest/test_kvm.h"
#include "vmm/kvm/machine/test_image.h"

namespace cc::vmm::kvm {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

int OpenDescriptors() {
  int count = 0;
  for (int fd = 0; fd < 256; ++fd) count += ::fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
  return count;
}

class GuestTest : public ::testing::Test {
 protected:
  void SetUp() override {
    directory_ = *TempDir::Create("kvm-guest-test");
    spec_.id = "test";
    spec_.arch = "aarch64";
    spec_.vcpus = 2;
    spec_.memory_mib = 64;
    machine_ = *DescribeMachine(spec_, {TestImage(), OwnedGuestFile("initramfs", std::string(9000, 'i'))});
  }
  absl::StatusOr<std::unique_ptr<Guest>> Build() {
    return Guest::Build(spec_, machine_,
                        {.kvm = &kvm_,
                         .kvm_device = TestKvm::kDevice,
                         .vsock_path = directory_->path() + "/v",
                         .taps = std::exchange(taps_, {}),
                         .disks = std::exchange(disks_, {}),
                         .on_end = [this](std::string why) { ended_.set_value(std::move(why)); }});
  }

  std::optional<TempDir> directory_;
  TestKvm kvm_;
  VmSpec spec_;
  Machine machine_;
  std::vector<UniqueFd> taps_, disks_;
  std::promise<std::string> ended_;
};

TEST_F(GuestTest, IsThePlanExecuted) {
  const auto guest = *Build();
  EXPECT_EQ(kvm_.vm_type, 32u);
  EXPECT_EQ(kvm_.memory.guest_phys_addr, kRamBase);
  EXPECT_EQ(kvm_.memory.memory_size, 64u << 20);
  const auto* ram = reinterpret_cast<const char*>(kvm_.memory.userspace_addr);
  for (const cca::Populate& part : machine_.layout.content) {
    EXPECT_EQ(std::memcmp(ram + (part.base - kRamBase), part.content.data(), part.content.size()), 0);
  }
  EXPECT_EQ(kvm_.registers.at(cca::uapi::kPcRegister), kRamBase);
  EXPECT_EQ(kvm_.registers.at(cca::uapi::GprRegister(0)), machine_.device_tree);
  // PSCI 0.2; all but the first powered off.
  EXPECT_THAT(kvm_.features, ElementsAre(0b100u, 0b101u));
  EXPECT_THAT(kvm_.calls, Contains("irqfd"));
}

TEST_F(GuestTest, ProcessorFeaturesAreThoseOfTheMachine) {
  kvm_.capabilities = {{165, 48}, {170, 1}, {171, 1}, {172, 1}};
  const auto guest = *Build();
  EXPECT_THAT(kvm_.features, ElementsAre(0b1110100u, 0b1110101u));
  EXPECT_THAT(kvm_.calls, Contains("finalize"));
  kvm_.features.clear();
  kvm_.capabilities = {{165, 48}, {171, 1}};
  const auto other = Build();
  EXPECT_EQ(kvm_.features.at(0), 0b100u) << "half of pointer authentication is none";
}

TEST_F(GuestTest, AddressSpaceMustBeLargeEnough) {
  kvm_.capabilities = {{165, 36}};
  machine_.layout.params.ipa_bits = 37;
  EXPECT_THAT(std::string(MessageOf(Build().status())), HasSubstr("needs 37 address bits, KVM has 36"));
  kvm_.capabilities.clear();
  EXPECT_TRUE(Build().ok());
  EXPECT_EQ(kvm_.vm_type, 0u) << "an old kernel takes its default only";
}

TEST_F(GuestTest, RunsUntilTheGuestPowersOff) {
  const auto guest = *Build();
  kvm_.Push([](kvm_run& run) { return TestKvm::SystemEvent(run, 1); });
  ASSERT_TRUE(guest->Start().ok());
  EXPECT_EQ(ended_.get_future().get(), "guest powered off");
}

TEST_F(GuestTest, DriverIsServedWithAndWithoutKvmsEvents) {
  for (const bool events : {true, false}) {
    spec_.vcpus = 1;
    kvm_.refuse = events ? "" : "irqfd";
    const auto guest = *Build();
    std::promise<uint32_t> magic;
    kvm_.Push([&](kvm_run& run) {
      run.exit_reason = KVM_EXIT_MMIO;
      run.mmio.phys_addr = machine_.devices[1].address;
      run.mmio.len = 4;
      run.mmio.is_write = 0;
      return 0;
    });
    kvm_.Push([&](kvm_run& run) {
      uint32_t value;
      std::memcpy(&value, run.mmio.data, 4);
      magic.set_value(value);
      return -EAGAIN;
    });
    ASSERT_TRUE(guest->Start().ok());
    EXPECT_EQ(magic.get_future().get(), 0x74726976u);
  }
}

TEST_F(GuestTest, DisksAndInterfacesAreWhatTheirDescriptorsAre) {
  const std::string path = directory_->path() + "/disk";
  ASSERT_TRUE(WriteFileAtomic(path, std::string(4096, 'd')).ok());
  spec_.disks = {{.path = path, .read_only = true, .serial = "layer-0"}};
  EXPECT_THAT(std::string(MessageOf(Build().status())), HasSubstr("file was not passed"));
  disks_.push_back(*OpenFile(path, O_RDONLY));
  EXPECT_TRUE(Build().ok());
  spec_.disks[0].read_only = false;
  disks_.push_back(*OpenFile(path, O_RDONLY));
  EXPECT_THAT(std::string(MessageOf(Build().status())), HasSubstr(path + ": it was not opened for"));
  spec_.disks.clear();
  spec_.nics.resize(1);
  EXPECT_THAT(std::string(MessageOf(Build().status())), HasSubstr("tap was not passed"));
  taps_.push_back(*OpenFile(path, O_RDONLY));
  EXPECT_THAT(std::string(MessageOf(Build().status())), HasSubstr("network interface 0: "));
}

TEST_F(GuestTest, EveryFailedCallReleasesEverything) {
  const int before = OpenDescriptors();
  size_t calls = 0;
  {
    const auto guest = *Build();
    calls = kvm_.calls.size();
  }
  ASSERT_EQ(OpenDescriptors(), before);
  ASSERT_GT(calls, 20u);
  for (size_t i = 0; i < calls; ++i) {
    for (const int error : {EINVAL, ENOSPC}) {
      kvm_.calls.clear();
      kvm_.fail_index = i;
      kvm_.refuse_error = error;
      { const auto guest = Build(); }
      EXPECT_EQ(OpenDescriptors(), before) << "after call " << i << " failed";
      EXPECT_EQ(kvm_.open_mappings, 0);
    }
  }
}

TEST_F(GuestTest, APlaceWithoutADeviceSaysSo) {
  spec_.vcpus = 1;
  const auto guest = *Build();
  std::promise<uint32_t> magic, device_id;
  const auto read = [&](uint64_t offset) {
    return [&, offset](kvm_run& run) {
      run.exit_reason = KVM_EXIT_MMIO;
      // The last but the entropy device.
      run.mmio.phys_addr = machine_.devices.rbegin()[1].address + offset;
      run.mmio.len = 4;
      run.mmio.is_write = 0;
      std::memset(run.mmio.data, 0xff, sizeof(run.mmio.data));
      return 0;
    };
  };
  const auto take = [](std::promise<uint32_t>& promise) {
    return [&promise](kvm_run& run) {
      uint32_t value;
      std::memcpy(&value, run.mmio.data, 4);
      promise.set_value(value);
      return -EAGAIN;
    };
  };
  kvm_.Push(read(0));
  kvm_.Push(take(magic));
  kvm_.Push(read(8));
  kvm_.Push(take(device_id));
  ASSERT_TRUE(guest->Start().ok());
  EXPECT_EQ(magic.get_future().get(), 0x74726976u);
  EXPECT_EQ(device_id.get_future().get(), 0u);
}

}  // namespace
}  // namespace cc::vmm::kvm
