// SPDX-License-Identifier: Apache-2.0
#include "vmm/qemu/qemu_vmm.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <optional>

#include "base/file.h"
#include "base/strings.h"

namespace cc::vmm::qemu {
namespace {

using ::testing::HasSubstr;

class QemuVmmTest : public ::testing::Test {
 protected:
  void SetUp() override {
    directory_ = *TempDir::Create("qemu-vmm-test");
    spec_.id = "test";
    spec_.arch = "x86_64";
    spec_.kernel = Write("kernel", "");
    spec_.initramfs = Write("initramfs", "");
    spec_.binary = Script("echo QEMU emulator version 7.2; echo more");
    spec_.accel = Accel::kTcg;
    spec_.state_dir = directory_->path();
  }
  std::string Write(const std::string& name, std::string_view content, unsigned mode = 0644) {
    const std::string path = StrCat(directory_->path(), "/", name);
    EXPECT_TRUE(WriteFileAtomic(path, content, mode).ok());
    return path;
  }
  std::string Script(std::string_view script) {
    return Write("qemu", StrCat("#!/bin/sh\n", script, "\n"), 0755);
  }
  absl::Status CreateStatus() { return vmm_.Create(spec_).status(); }

  std::optional<TempDir> directory_;
  VmSpec spec_;
  QemuVmm vmm_{HostPaths{.kvm_device = "/nonexistent/kvm"}};
};

TEST_F(QemuVmmTest, ChecksTheSpec) {
  const struct {
    const char* name;
    std::function<void(VmSpec&)> change;
    absl::StatusCode code;
    const char* message;
  } kCases[] = {
      {"architecture", [](VmSpec& s) { s.arch = "mips"; }, absl::StatusCode::kInvalidArgument, "mips"},
      {"no vCPU", [](VmSpec& s) { s.vcpus = 0; }, absl::StatusCode::kInvalidArgument, "vCPUs"},
      {"memory", [](VmSpec& s) { s.memory_mib = 1; }, absl::StatusCode::kInvalidArgument, "1 MiB"},
      {"no kernel", [](VmSpec& s) { s.kernel = ""; }, absl::StatusCode::kInvalidArgument, "set kernel"},
      {"missing kernel", [](VmSpec& s) { s.kernel = "/nonexistent/k"; }, absl::StatusCode::kNotFound,
       "/nonexistent/k"},
      {"missing initramfs", [](VmSpec& s) { s.initramfs = "/nonexistent/i"; }, absl::StatusCode::kNotFound,
       "correct initramfs"},
      {"kvm that is not there", [](VmSpec& s) { s.accel = Accel::kKvm; },
       absl::StatusCode::kFailedPrecondition, "KVM|kvm"},
      {"realm on x86", [](VmSpec& s) { s.tee = Tee::kCca; }, absl::StatusCode::kFailedPrecondition,
       "aarch64"},
      {"long state directory", [](VmSpec& s) { s.state_dir = std::string(200, 'x'); },
       absl::StatusCode::kInvalidArgument, "shorter directory"},
  };
  ASSERT_TRUE(CreateStatus().ok());
  const VmSpec good = spec_;
  for (const auto& c : kCases) {
    spec_ = good;
    c.change(spec_);
    const absl::Status status = CreateStatus();
    EXPECT_EQ(status.code(), c.code) << c.name << ": " << status;
    EXPECT_THAT(std::string(MessageOf(status)), ::testing::ContainsRegex(c.message)) << c.name;
  }
}

TEST_F(QemuVmmTest, ARealmIsNeverReplacedByAPlainVm) {
  spec_.arch = "aarch64";
  spec_.tee = Tee::kCca;
  spec_.binary = Script("echo memory-backend-memfd");
  EXPECT_THAT(std::string(MessageOf(CreateStatus())), HasSubstr("no rme-guest object"));
  spec_.binary = Script("echo rme-guest");
  EXPECT_TRUE(absl::IsFailedPrecondition(CreateStatus()));
  spec_.binary = "/nonexistent/qemu";
  EXPECT_FALSE(CreateStatus().ok());
  EXPECT_FALSE(vmm_.Probe(spec_).usable);
}

TEST_F(QemuVmmTest, ProbeSaysWhatItWouldUseAndWhy) {
  spec_.accel = Accel::kAuto;
  const Capabilities capabilities = vmm_.Probe(spec_);
  EXPECT_TRUE(capabilities.usable);
  EXPECT_EQ(capabilities.accel, Accel::kTcg);
  EXPECT_THAT(capabilities.reason, HasSubstr("QEMU emulator version 7.2; emulation, because"));
}

TEST_F(QemuVmmTest, ProbeNeedsAProgramThatRuns) {
  spec_.binary = "/nonexistent/qemu";
  EXPECT_FALSE(vmm_.Probe(spec_).usable);
  spec_.binary = Script("exit 1");
  EXPECT_FALSE(vmm_.Probe(spec_).usable);
}

}  // namespace
}  // namespace cc::vmm::qemu
