// SPDX-License-Identifier: Apache-2.0
#include "vmm/qemu/accelerator.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <optional>

#include "base/file.h"
#include "base/strings.h"

namespace cc::vmm::qemu {
namespace {

class AcceleratorTest : public ::testing::Test {
 protected:
  void SetUp() override {
    directory_ = *TempDir::Create("accelerator-test");
    host_ = {.kvm_device = directory_->path() + "/kvm",
             .cpuinfo = directory_->path() + "/cpuinfo",
             .modules = directory_->path()};
  }
  std::string Message(const absl::Status& status) { return std::string(MessageOf(status)); }
  std::optional<TempDir> directory_;
  HostPaths host_;
};

TEST_F(AcceleratorTest, WithoutADeviceAutoEmulatesAndSaysWhy) {
  const auto choice = ChooseAccelerator(Accel::kAuto, HostArch(), host_);
  ASSERT_TRUE(choice.ok());
  EXPECT_EQ(choice->accel, Accel::kTcg);
  EXPECT_NE(choice->reason.find("cannot open"), std::string::npos) << choice->reason;
}

TEST_F(AcceleratorTest, ForcedKvmWithoutADeviceFailsWithTheFix) {
  const auto choice = ChooseAccelerator(Accel::kKvm, HostArch(), host_);
  EXPECT_TRUE(absl::IsFailedPrecondition(choice.status()));
  EXPECT_NE(Message(choice.status()).find("load the kvm module"), std::string::npos);
}

TEST_F(AcceleratorTest, AFileThatIsNoKvmDeviceIsNotBelieved) {
  ASSERT_TRUE(WriteFileAtomic(host_.kvm_device, "").ok());
  const absl::Status status = CheckKvm(HostArch(), host_);
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_NE(Message(status).find("does not answer as KVM"), std::string::npos);
}

TEST_F(AcceleratorTest, AForeignArchitectureNeedsEmulation) {
  const std::string foreign = HostArch() == "x86_64" ? "aarch64" : "x86_64";
  EXPECT_TRUE(absl::IsFailedPrecondition(CheckKvm(foreign, host_)));
}

TEST_F(AcceleratorTest, EmulationNeedsNothing) {
  const auto choice = ChooseAccelerator(Accel::kTcg, HostArch(), host_);
  ASSERT_TRUE(choice.ok());
  EXPECT_EQ(choice->accel, Accel::kTcg);
}

TEST_F(AcceleratorTest, PvmIsNoKvmForStockKernels) {
  ASSERT_EQ(::mkdir((host_.modules + "/kvm_pvm").c_str(), 0700), 0);
  const absl::Status status = CheckX86(host_);
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_NE(Message(status).find("kvm_pvm"), std::string::npos);
}

TEST_F(AcceleratorTest, X86NeedsVirtualizationInTheProcessor) {
  const struct {
    const char* cpuinfo;
    bool usable;
  } kCases[] = {
      {"processor : 0\nflags\t\t: fpu vmx sse\n", true},
      {"processor : 0\nflags\t\t: fpu svm\nbugs : x\n", true},
      {"processor : 0\nflags\t\t: fpu sse\n", false},
      {"processor : 0\nmodel name : vmx svm\nflags : fpu vmxoff\n", false},
      {"", false},
  };
  for (const auto& c : kCases) {
    ASSERT_TRUE(WriteFileAtomic(host_.cpuinfo, c.cpuinfo).ok());
    EXPECT_EQ(CheckX86(host_).ok(), c.usable) << c.cpuinfo;
  }
}

}  // namespace
}  // namespace cc::vmm::qemu
