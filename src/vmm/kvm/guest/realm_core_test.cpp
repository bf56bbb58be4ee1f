// SPDX-License-Identifier: Apache-2.0
// The whole native VMM on a fake kernel of each generation: what the RMM measures is what was predicted.
#include "vmm/kvm/guest/realm_core.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <future>
#include <mutex>
#include <optional>

#include "base/file.h"
#include "base/strings.h"
#include "cca/realm/fake_kvm.h"
#include "cca/rim.h"
#include "vmm/kvm/machine/test_image.h"

namespace cc::vmm::kvm {
namespace {

using ::testing::HasSubstr;

// The fake knows no threads.
class OneAtATime : public cca::realm::KvmCalls {
 public:
  explicit OneAtATime(cca::realm::KvmCalls& kvm) : kvm_(kvm) {}
  int Open(const char* path, int flags) override { return kvm_.Open(path, flags); }
  int Ioctl(int fd, unsigned long request, void* argument) override {
    const std::lock_guard lock(mutex_);
    return kvm_.Ioctl(fd, request, argument);
  }
  int CreateMemory(const char* name, uint64_t size) override { return kvm_.CreateMemory(name, size); }
  int Mmap(size_t size, int protection, int flags, int fd, off_t offset, void** mapped) override {
    return kvm_.Mmap(size, protection, flags, fd, offset, mapped);
  }
  int Munmap(void* address, size_t size) override { return kvm_.Munmap(address, size); }
  int Madvise(void* address, size_t size, int advice) override { return kvm_.Madvise(address, size, advice); }
  int Fallocate(int fd, int mode, off_t offset, off_t size) override {
    return kvm_.Fallocate(fd, mode, offset, size);
  }
  absl::StatusOr<std::string> ReadFile(const std::string& path) override { return kvm_.ReadFile(path); }

 private:
  cca::realm::KvmCalls& kvm_;
  std::mutex mutex_;
};

class RealmCoreTest : public ::testing::Test {
 protected:
  RealmCoreTest() {
    spec_.id = "test";
    spec_.arch = "aarch64";
    spec_.vcpus = 2;
    spec_.memory_mib = 64;
    spec_.tee = Tee::kCca;
  }
  Machine Describe() {
    return *DescribeMachine(spec_, {TestImage(), OwnedGuestFile("initramfs", std::string(9000, 'i'))});
  }
  absl::StatusOr<std::unique_ptr<Guest>> Build(cca::realm::FakeKvm& kvm, const Machine& machine) {
    device_.reset(kvm.Open("/dev/kvm", O_RDWR));
    calls_.emplace(kvm);
    return Guest::Build(spec_, machine,
                        {.kvm = &*calls_,
                         .kvm_device = device_.get(),
                         .vsock_path = directory_.path() + "/v",
                         .on_end = [this](std::string why) { ended_.set_value(std::move(why)); }});
  }

  const TempDir directory_ = *TempDir::Create("realm-core-test");
  VmSpec spec_;
  UniqueFd device_;
  std::optional<OneAtATime> calls_;
  std::promise<std::string> ended_;
};

TEST_F(RealmCoreTest, EachGenerationMeasuresWhatWasPredicted) {
  for (const cca::GenerationAbi& abi : cca::Generations()) {
    SCOPED_TRACE(abi.name);
    spec_.realm.rpv.fill(abi.config ? 7 : 0);
    ended_ = {};
    cca::realm::FakeKvm kvm({.generation = abi.id});
    {
      const Machine machine = Describe();
      const auto guest = Build(kvm, machine);
      ASSERT_TRUE(guest.ok()) << guest.status();
      kvm.exits.push_back({.reason = 24, .flags = 1});  // KVM_EXIT_SYSTEM_EVENT: type, shutdown
      ASSERT_TRUE((*guest)->Start().ok());
      EXPECT_EQ(ended_.get_future().get(), "guest powered off");
      EXPECT_EQ(kvm.realm()->rim(),
                cca::MeasureRealm(*cca::OrderPlan(machine.layout, abi.order), cca::RmmVersion::k1_0).value());
      EXPECT_EQ(kvm.realm()->rpv(), spec_.realm.rpv);
    }
    device_.reset();
    EXPECT_EQ(kvm.OpenDescriptors(), 0);
    EXPECT_EQ(kvm.OpenMappings(), 0);
  }
}

TEST_F(RealmCoreTest, DevicesSeeSharedMemoryByBothAddresses) {
  cca::realm::FakeKvm kvm({.generation = cca::Generation::kRmiV14});
  device_.reset(kvm.Open("/dev/kvm", O_RDWR));
  const Machine machine = Describe();
  VmParts parts(kvm, 2, 4096);
  const absl::StatusOr<VmCore> core = MakeRealm(kvm, device_.get(), machine, parts);
  ASSERT_TRUE(core.ok()) << core.status();
  const uint64_t shared_bit = uint64_t{1} << (machine.layout.params.ipa_bits - 1);
  const std::span<std::byte> page = core->memory->TranslateOne(kRamBase, 4096);
  ASSERT_EQ(page.size(), 4096u);
  EXPECT_EQ(core->memory->TranslateOne(kRamBase | shared_bit, 4096).data(), page.data());
  EXPECT_EQ(page[0], std::byte{0}) << "the kernel is private";
}

TEST_F(RealmCoreTest, WithoutRealmsThereIsNoVm) {
  cca::realm::FakeKvm kvm({});
  const auto guest = Build(kvm, Describe());
  EXPECT_TRUE(absl::IsFailedPrecondition(guest.status()));
  EXPECT_THAT(std::string(MessageOf(guest.status())),
              ::testing::AllOf(HasSubstr("tee = \"cca\" is not possible here"),
                               HasSubstr("no Realm capability"), HasSubstr("needs an Armv9 machine")));
  EXPECT_EQ(kvm.OpenDescriptors(), 1) << "the device only";
}

TEST_F(RealmCoreTest, AFailedCallReleasesEverything) {
  const Machine machine = Describe();
  size_t calls = 0;
  {
    cca::realm::FakeKvm kvm({.generation = cca::Generation::kRmiV14});
    { ASSERT_TRUE(Build(kvm, machine).ok()); }
    calls = kvm.calls();
  }
  for (size_t i = 1; i < calls; i += 3) {
    cca::realm::FakeKvm kvm({.generation = cca::Generation::kRmiV14});
    kvm.FailCall(i, ENOMEM);
    { const auto guest = Build(kvm, machine); }
    EXPECT_EQ(kvm.OpenDescriptors(), 1) << "after call " << i << " failed";
    EXPECT_EQ(kvm.OpenMappings(), 0);
  }
}

}  // namespace
}  // namespace cc::vmm::kvm
