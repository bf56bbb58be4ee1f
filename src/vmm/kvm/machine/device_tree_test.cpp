// SPDX-License-Identifier: Apache-2.0
#include "vmm/kvm/machine/device_tree.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "vmm/kvm/machine/test_image.h"

#include <libfdt.h>

namespace cc::vmm::kvm {
namespace {

using ::testing::ElementsAre;

// Read back with the library's other half.
class Tree {
 public:
  explicit Tree(std::string blob) : blob_(std::move(blob)) {
    EXPECT_EQ(::fdt_check_full(blob_.data(), blob_.size()), 0);
  }
  bool Has(const char* path) const { return ::fdt_path_offset(blob_.data(), path) >= 0; }
  std::optional<std::string> Raw(const char* path, const char* property) const {
    const int node = ::fdt_path_offset(blob_.data(), path);
    int size = 0;
    const void* value = node < 0 ? nullptr : ::fdt_getprop(blob_.data(), node, property, &size);
    if (value == nullptr) return std::nullopt;
    return std::string(static_cast<const char*>(value), static_cast<size_t>(size));
  }
  std::string Text(const char* path, const char* property) const {
    const auto raw = Raw(path, property);
    return raw.has_value() ? std::string(raw->c_str()) : "(absent)";
  }
  std::vector<uint32_t> Cells(const char* path, const char* property) const {
    const std::string raw = Raw(path, property).value_or("");
    std::vector<uint32_t> cells;
    for (size_t i = 0; i + 4 <= raw.size(); i += 4) {
      uint32_t cell = 0;
      for (size_t j = 0; j < 4; ++j) cell = cell << 8 | static_cast<uint8_t>(raw[i + j]);
      cells.push_back(cell);
    }
    return cells;
  }

 private:
  std::string blob_;
};

VmSpec Spec() {
  VmSpec spec;
  spec.id = "test";
  spec.arch = "aarch64";
  spec.vcpus = 18;
  spec.memory_mib = 128;
  spec.cmdline = {"quiet", "agent.log=debug"};
  spec.nics.resize(1);
  spec.disks.resize(2);
  return spec;
}

Machine Describe(const VmSpec& spec, const std::optional<Seed>& seed = std::nullopt) {
  return DescribeMachine(spec, {TestImage(), OwnedGuestFile("initramfs", std::string(5000, 'i'))}, {}, seed)
      .value();
}

Tree TreeOf(const Machine& machine) { return Tree(std::string(machine.layout.content.at(1).content)); }

TEST(DeviceTree, TellsTheKernelItsMachine) {
  const Tree tree = TreeOf(Describe(Spec()));
  EXPECT_EQ(tree.Text("/chosen", "bootargs"),
            "panic=-1 console=hvc0 random.trust_bootloader=on quiet agent.log=debug");
  EXPECT_THAT(tree.Cells("/memory@40000000", "reg"), ElementsAre(0, 0x40000000, 0, 128 << 20));
  // Kernel of 3 MiB, then the tree on a 2 MiB boundary, then its room, then the initramfs.
  EXPECT_THAT(tree.Cells("/chosen", "linux,initrd-start"), ElementsAre(0, 0x40420000));
  EXPECT_THAT(tree.Cells("/chosen", "linux,initrd-end"), ElementsAre(0, 0x40420000 + 5000));
  EXPECT_THAT(tree.Cells("/interrupt-controller@8000000", "reg"),
              ElementsAre(0, 0x08000000, 0, 0x10000, 0, 0x10000000, 0, 18 * 0x20000));
  EXPECT_EQ(tree.Text("/psci", "method"), "hvc");
  EXPECT_FALSE(tree.Has("/uart@9000000"));
}

TEST(DeviceTree, EachVcpuHasTheAffinityThatKvmGivesIt) {
  const Tree tree = TreeOf(Describe(Spec()));
  EXPECT_THAT(tree.Cells("/cpus/cpu@0", "reg"), ElementsAre(0));
  EXPECT_THAT(tree.Cells("/cpus/cpu@f", "reg"), ElementsAre(0xf));
  EXPECT_THAT(tree.Cells("/cpus/cpu@100", "reg"), ElementsAre(0x100));
  EXPECT_THAT(tree.Cells("/cpus/cpu@101", "reg"), ElementsAre(0x101));
  EXPECT_FALSE(tree.Has("/cpus/cpu@102"));
  EXPECT_EQ(tree.Text("/cpus/cpu@101", "enable-method"), "psci");
}

TEST(DeviceTree, DevicesHaveAPageAndAnInterruptEach) {
  const Tree tree = TreeOf(Describe(Spec()));
  EXPECT_THAT(tree.Cells("/virtio_mmio@a000000", "reg"), ElementsAre(0, 0x0a000000, 0, 0x1000));
  EXPECT_THAT(tree.Cells("/virtio_mmio@a009000", "reg"), ElementsAre(0, 0x0a009000, 0, 0x1000));
  EXPECT_THAT(tree.Cells("/virtio_mmio@a009000", "interrupts"), ElementsAre(0, 9, 1));
  EXPECT_TRUE(tree.Has("/virtio_mmio@a00a000"));
  EXPECT_FALSE(tree.Has("/virtio_mmio@a00b000"));
}

TEST(DeviceTree, UartExistsWhereTheCommandLineNamesIt) {
  VmSpec spec = Spec();
  spec.cmdline.push_back("console=ttyAMA0");
  const Tree tree = TreeOf(Describe(spec));
  EXPECT_EQ(tree.Text("/uart@9000000", "compatible"), "arm,sbsa-uart");
  EXPECT_THAT(tree.Cells("/uart@9000000", "interrupts"), ElementsAre(0, 11, 4));
}

TEST(DeviceTree, RealmTakesNoSeedAndCallsTheRmm) {
  VmSpec spec = Spec();
  Seed seed;
  seed.fill(7);
  EXPECT_EQ(TreeOf(Describe(spec, seed)).Raw("/chosen", "kaslr-seed"), std::string(8, '\7'));
  EXPECT_EQ(TreeOf(Describe(spec, seed)).Raw("/chosen", "rng-seed"), std::string(56, '\7'));
  spec.tee = Tee::kCca;
  const Tree tree = TreeOf(Describe(spec));
  EXPECT_EQ(tree.Text("/psci", "method"), "smc");
  EXPECT_FALSE(tree.Has("/virtio_mmio@a00a000")) << "no entropy device";
  EXPECT_EQ(tree.Raw("/chosen", "kaslr-seed"), std::nullopt);
  EXPECT_EQ(tree.Raw("/chosen", "rng-seed"), std::nullopt);
}

TEST(DeviceTree, RoomIsEnoughForTheLargestMachine) {
  VmSpec spec = Spec();
  spec.vcpus = kMaxVcpus;
  spec.nics.resize(kMaxNicsAndDisks);
  spec.disks.clear();
  spec.cmdline = {std::string(kMaxCommandLine - 60, 'x')};
  EXPECT_LE(Describe(spec).layout.content.at(1).size, kMaxDeviceTree);
}

}  // namespace
}  // namespace cc::vmm::kvm
