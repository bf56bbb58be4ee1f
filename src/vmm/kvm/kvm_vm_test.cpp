// SPDX-License-Identifier: Apache-2.0
// The life of a VM process, with a shell script in cc-vmm's place: it gets the same descriptors and messages.
// A real guest boots in tests/l1.
#include "vmm/kvm/kvm_vm.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <optional>

#include "base/file.h"
#include "base/socket.h"
#include "base/strings.h"

namespace cc::vmm::kvm {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

// Takes the two messages of a start and says yes.
constexpr char kStarts[] = "read create <&3; echo '{\"id\":1}' >&3; read start <&3; echo '{\"id\":2}' >&3\n";

class KvmVmTest : public ::testing::Test {
 protected:
  void SetUp() override {
    directory_ = *TempDir::Create("kvm-vm-test");
    spec_.id = "test";
    spec_.arch = "aarch64";
    spec_.kernel = Write("kernel", "the kernel");
    spec_.initramfs = Write("initramfs", "the initramfs");
    spec_.state_dir = directory_->path();
  }
  std::string Write(const std::string& name, std::string_view content, unsigned mode = 0644) {
    const std::string path = StrCat(directory_->path(), "/", name);
    EXPECT_TRUE(WriteFileAtomic(path, content, mode).ok());
    return path;
  }
  std::unique_ptr<Vm> Make(std::string_view script) {
    return *KvmVm::Create(spec_, Write("cc-vmm", StrCat("#!/bin/sh\n", script, "\n"), 0755));
  }
  std::string Out() { return ReadFile(directory_->path() + "/out").value_or("(nothing)"); }

  std::optional<TempDir> directory_;
  VmSpec spec_;
};

TEST_F(KvmVmTest, ProcessGetsDescriptorsAndNothingElse) {
  spec_.disks = {{.path = Write("disk", "the disk"), .serial = "d"}};
  const UniqueFd tap(::open("/dev/null", O_RDWR | O_CLOEXEC));
  const UniqueFd secret(::open("/dev/zero", O_RDONLY));
  spec_.nics = {{.tap_fd = tap.get(), .mac = {2, 0, 0, 0, 0, 1}}};
  const auto vm = Make(StrCat("exec 9>", directory_->path(), "/out\n",
                              "cat <&5 >&9; cat <&6 >&9; cat <&7 >&9; ls -x /proc/$$/fd >&9; env >&9\n",
                              kStarts, "echo \"$create\" >&9"));
  ASSERT_TRUE(vm->Start().ok());
  vm->Wait();
  EXPECT_THAT(Out(), StartsWith("the kernelthe initramfsthe disk"));
  EXPECT_THAT(Out(), HasSubstr("\"fd\":8"));
  EXPECT_THAT(Out(), HasSubstr("\"kernel_fd\":5"));
  EXPECT_THAT(Out(), ::testing::Not(HasSubstr("HOME=")));
}

TEST_F(KvmVmTest, TellsWhyTheVmEnded) {
  const struct {
    std::string script;
    const char* want;
  } kCases[] = {
      {"echo '{\"ended\":\"guest powered off\"}' >&3", "guest powered off"},
      {"echo 'bad thing' >&2; exit 1", "cc-vmm exited with code 1; its last words: bad thing"},
      {"kill -SEGV $$", "cc-vmm was killed by signal 11 (Segmentation fault)"},
      {"exit 0", "cc-vmm exited with code 0"},
  };
  for (const auto& test : kCases) {
    const auto vm = Make(StrCat(kStarts, test.script));
    ASSERT_TRUE(vm->Start().ok());
    EXPECT_EQ(vm->Wait(), test.want);
    EXPECT_TRUE(absl::IsUnavailable(vm->Pause()));
    EXPECT_TRUE(absl::IsUnavailable(vm->Connect(1024).status()));
  }
}

TEST_F(KvmVmTest, RefusedDescriptionIsTheErrorOfStart) {
  const auto vm =
      Make("read create <&3; echo '{\"id\":1,\"code\":3,\"message\":\"no arm64 Image\"}' >&3; sleep 1000");
  const absl::Status status = vm->Start();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(std::string(MessageOf(status)), HasSubstr("starting the VM of sandbox test: no arm64 Image"));
  EXPECT_EQ(vm->Wait(), "the VM was stopped");
}

TEST_F(KvmVmTest, DeathDuringStartIsExplained) {
  const auto vm = Make("echo 'open /dev/kvm: No such file' >&2; exit 1");
  const absl::Status status = vm->Start();
  EXPECT_TRUE(absl::IsUnavailable(status));
  EXPECT_THAT(std::string(MessageOf(status)), HasSubstr("its last words: open /dev/kvm: No such file"));
}

TEST_F(KvmVmTest, PausesAndStops) {
  const auto vm = Make(StrCat(kStarts, "read pause <&3; echo '{\"id\":3}' >&3; read more <&3"));
  EXPECT_TRUE(absl::IsFailedPrecondition(vm->Pause()));
  ASSERT_TRUE(vm->Start().ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(vm->Start())) << "started once";
  EXPECT_TRUE(vm->Pause().ok());
  const pid_t pid = vm->pid();
  EXPECT_GT(vm->Stats().value().rss_bytes, 0u);
  vm->Stop();
  EXPECT_EQ(vm->Wait(), "the VM was stopped");
  EXPECT_NE(::kill(pid, 0), 0);
}

TEST_F(KvmVmTest, MissingFilesAreNamed) {
  spec_.kernel = "/nonexistent/Image";
  const auto vm = Make("exit 0");
  EXPECT_THAT(std::string(MessageOf(vm->Start())), HasSubstr("/nonexistent/Image"));
}

}  // namespace
}  // namespace cc::vmm::kvm
