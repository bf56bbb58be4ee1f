// SPDX-License-Identifier: Apache-2.0
#include "vmm/kvm/machine/machine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "base/strings.h"
#include "cca/rim.h"
#include "vmm/kvm/machine/test_image.h"

namespace cc::vmm::kvm {
namespace {

using ::testing::HasSubstr;

VmSpec Spec() {
  VmSpec spec;
  spec.id = "test";
  spec.arch = "aarch64";
  spec.vcpus = 2;
  spec.memory_mib = 256;
  return spec;
}

GuestFiles Files(size_t initramfs = 9000) {
  return {TestImage(), OwnedGuestFile("initramfs", std::string(initramfs, 'i'))};
}

TEST(Machine, KernelTreeAndInitramfsAreContentOfTheRam) {
  const Machine machine = DescribeMachine(Spec(), Files()).value();
  const cca::RealmLayout& layout = machine.layout;
  ASSERT_EQ(layout.content.size(), 3u);
  EXPECT_EQ(layout.content[0].base, kRamBase);
  EXPECT_EQ(layout.content[0].content, ImageBytes());
  EXPECT_EQ(layout.content[0].size, 0x13000u);
  EXPECT_EQ(layout.content[1].base, machine.device_tree);
  EXPECT_EQ(layout.content[2].base, machine.initramfs);
  EXPECT_EQ(layout.content[2].content.size(), 9000u);
  EXPECT_EQ(layout.recs[0].pc, kRamBase);
  EXPECT_EQ(layout.recs[0].gprs[0], machine.device_tree);
  EXPECT_EQ(layout.recs[1].pc, 0u);
  EXPECT_EQ(layout.recs[1].mpidr, 1u);
  for (const cca::PlanOrder order : {cca::PlanOrder::kRipasFirst, cca::PlanOrder::kRipasLast}) {
    EXPECT_TRUE(cca::OrderPlan(layout, order).ok());
  }
}

TEST(Machine, ARealmHasThePagesOfItsBootFromTheStart) {
  VmSpec spec = Spec();
  spec.tee = Tee::kCca;
  const Machine machine = DescribeMachine(spec, Files()).value();
  const std::vector<cca::Populate>& content = machine.layout.content;
  ASSERT_EQ(content.size(), 5u);
  EXPECT_EQ(content[3].base, content[2].base + content[2].size);
  EXPECT_EQ(content[4].base + content[4].size, kRamBase + (uint64_t{256} << 20));
  for (const cca::PlanOrder order : {cca::PlanOrder::kRipasFirst, cca::PlanOrder::kRipasLast}) {
    EXPECT_TRUE(cca::OrderPlan(machine.layout, order).ok());
  }
}

TEST(Machine, AddressSpaceIsTheSmallestWithASharedHalf) {
  const auto bits = [](uint32_t mib) {
    VmSpec spec = Spec();
    spec.memory_mib = mib;
    return DescribeMachine(spec, Files()).value().layout.params.ipa_bits;
  };
  EXPECT_EQ(bits(256), 32);
  EXPECT_EQ(bits(1024), 32);
  EXPECT_EQ(bits(1025), 33);
  EXPECT_EQ(bits(3072), 33);
  EXPECT_EQ(bits(3073), 34);
  EXPECT_EQ(bits(kMaxMemoryMib), 42);
}

TEST(Machine, ARealmBouncesThroughAPoolOfItsSize) {
  VmSpec spec = Spec();
  EXPECT_EQ(KernelCommandLine(spec).find("swiotlb"), std::string::npos);
  spec.tee = Tee::kCca;
  spec.cmdline = {"swiotlb=32768"};
  EXPECT_EQ(KernelCommandLine(spec),
            "panic=-1 console=hvc0 random.trust_bootloader=on swiotlb=4096 arm64.nogcs swiotlb=32768")
      << "the kernel takes the last";
}

std::string Rim(const VmSpec& spec) {
  const Machine machine = DescribeMachine(spec, Files()).value();
  return cca::MeasureRealm(cca::OrderPlan(machine.layout, cca::PlanOrder::kRipasFirst).value(),
                           cca::RmmVersion::k1_0)
      .value();
}

TEST(Machine, MeasurementIsReproducibleAndSeesWhatMatters) {
  VmSpec spec = Spec();
  spec.tee = Tee::kCca;
  const std::string rim = Rim(spec);
  EXPECT_EQ(Rim(spec), rim);
  spec.id = "another";
  spec.console_fd = 5;
  spec.state_dir = "/somewhere";
  spec.realm.rpv.fill(1);
  EXPECT_EQ(Rim(spec), rim) << "what the guest cannot see must not change its measurement";
  spec.nics.resize(2);
  spec.disks.resize(1);
  EXPECT_EQ(Rim(spec), rim) << "nor what a pod plugs into the places that are there";
  const std::function<void(VmSpec&)> changes[] = {
      [](VmSpec& s) { s.cmdline.push_back("debug"); }, [](VmSpec& s) { s.memory_mib = 128; },
      [](VmSpec& s) { s.vcpus = 1; }, [](VmSpec& s) { s.disks.resize(kBlockPlaces + 1); },
      [](VmSpec& s) { s.realm.hash = RealmSpec::Hash::kSha512; }};
  for (const auto& change : changes) {
    VmSpec changed = spec;
    change(changed);
    EXPECT_NE(Rim(changed), rim);
  }
}

struct BadCase {
  const char* text;
  std::function<void(VmSpec&, GuestFiles&)> spoil;
};

TEST(Machine, RefusesWhatCannotBoot) {
  const BadCase cases[] = {
      {"aarch64 guests only", [](VmSpec& s, GuestFiles&) { s.arch = "x86_64"; }},
      {"0 vCPUs", [](VmSpec& s, GuestFiles&) { s.vcpus = 0; }},
      {"257 vCPUs", [](VmSpec& s, GuestFiles&) { s.vcpus = 257; }},
      {"0 MiB", [](VmSpec& s, GuestFiles&) { s.memory_mib = 0; }},
      {"1048577 MiB", [](VmSpec& s, GuestFiles&) { s.memory_mib = kMaxMemoryMib + 1; }},
      {"kernel_params", [](VmSpec& s, GuestFiles&) { s.cmdline = {std::string(kMaxCommandLine, 'x')}; }},
      {"control character", [](VmSpec& s, GuestFiles&) { s.cmdline = {"a\nb"}; }},
      {"devices", [](VmSpec& s, GuestFiles&) { s.disks.resize(kMaxDevices); }},
      {"no arm64 Image", [](VmSpec&, GuestFiles& f) { f.kernel = OwnedGuestFile("x", "text"); }},
      {"set memory_mib higher", [](VmSpec& s, GuestFiles&) { s.memory_mib = 4; }},
      {"need at least 69 MiB",
       [](VmSpec& s, GuestFiles& f) {
         s.memory_mib = 64;
         f.initramfs = OwnedGuestFile("initramfs", std::string(32 << 20, 'x'));
       }},
  };
  for (const BadCase& bad : cases) {
    VmSpec spec = Spec();
    GuestFiles files = Files();
    bad.spoil(spec, files);
    const absl::Status status = DescribeMachine(spec, files).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << bad.text;
    EXPECT_THAT(std::string(MessageOf(status)), HasSubstr(bad.text));
  }
}

TEST(Machine, RealmNeverTakesTheHostsRandomness) {
  VmSpec spec = Spec();
  spec.tee = Tee::kCca;
  EXPECT_FALSE(DescribeMachine(spec, Files(), {}, Seed{}).ok());
}

}  // namespace
}  // namespace cc::vmm::kvm
