// SPDX-License-Identifier: Apache-2.0
// The life of a VM process, with a shell script in QEMU's place: it gets the same arguments and descriptors.
// A real guest boots in tests/e2e.
#include "vmm/qemu/qemu_vm.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>

#include <optional>

#include "base/file.h"
#include "base/socket.h"
#include "base/strings.h"
#include "base/thread.h"
#include "vmm/qemu/qemu_vmm.h"

namespace cc::vmm::qemu {
namespace {

class QemuVmTest : public ::testing::Test {
 protected:
  void SetUp() override {
    directory_ = *TempDir::Create("qemu-vm-test");
    spec_.id = "test";
    spec_.arch = "x86_64";
    spec_.kernel = Write("kernel", "");
    spec_.initramfs = Write("initramfs", "");
    spec_.accel = Accel::kTcg;
    spec_.state_dir = directory_->path();
  }
  std::string Write(const std::string& name, std::string_view content, unsigned mode = 0644) {
    const std::string path = StrCat(directory_->path(), "/", name);
    EXPECT_TRUE(WriteFileAtomic(path, content, mode).ok());
    return path;
  }
  // A VM whose process runs `script`. Descriptor 3 is QMP, 4 vhost-user.
  std::unique_ptr<Vm> Make(std::string_view script) {
    spec_.binary = Write("qemu", StrCat("#!/bin/sh\n", script, "\n"), 0755);
    return *vmm_.Create(spec_);
  }
  std::unique_ptr<Vm> Run(std::string_view script) {
    std::unique_ptr<Vm> vm = Make(script);
    EXPECT_TRUE(vm->Start().ok());
    return vm;
  }
  std::optional<TempDir> directory_;
  VmSpec spec_;
  QemuVmm vmm_;
};

TEST_F(QemuVmTest, TellsWhyTheProcessEnded) {
  const struct {
    const char* script;
    const char* want;
  } kCases[] = {
      {"exit 0", "qemu exited with code 0"},
      {"echo 'qemu: bad machine' >&2; exit 1", "qemu exited with code 1; its last words: qemu: bad machine"},
      {"printf 'a\\033[31mb\\n' >&2; exit 1", "qemu exited with code 1; its last words: a [31mb"},
      {"kill -SEGV $$", "qemu was killed by signal 11 (Segmentation fault)"},
      {"echo '{\"event\":\"SHUTDOWN\",\"data\":{\"reason\":\"guest-shutdown\"}}' >&3", "guest powered off"},
      {"echo '{\"event\":\"SHUTDOWN\",\"data\":{\"reason\":\"guest-reset\"}}' >&3",
       "guest rebooted, or its kernel panicked"},
      {"echo '{\"event\":\"SHUTDOWN\",\"data\":{\"reason\":\"guest-shutdown\"}}' >&3; exit 3",
       "qemu exited with code 3 after guest-shutdown"},
  };
  for (const auto& c : kCases) EXPECT_EQ(Run(c.script)->Wait(), c.want);
}

TEST_F(QemuVmTest, KeepsOnlyTheEndOfALongErrorOutput) {
  const std::string why = Run("head -c 100000 /dev/zero | tr '\\0' x >&2; echo the-end >&2; exit 1")->Wait();
  EXPECT_TRUE(why.ends_with("the-end")) << why;
  EXPECT_LT(why.size(), 5000u);
}

TEST_F(QemuVmTest, TheProcessGetsExactlyItsDescriptors) {
  const std::string out = StrCat(directory_->path(), "/fds");
  // The script itself is open as 255 or 10 in the shell; numbers up to 4 are ours.
  Run(StrCat("for i in 0 1 2 3 4 5 6 7 8 9; do [ -e /proc/$$/fd/$i ] && printf '%s ' $i; done > ", out))
      ->Wait();
  EXPECT_EQ(*ReadFile(out), "0 1 2 3 4 ");
}

TEST_F(QemuVmTest, TheProcessRunsInTheNetworkNamespaceOfTheSpec) {
  UniqueFd space;
  {
    Thread maker = *Thread::Start("netns", [&space] {
      if (::unshare(CLONE_NEWNET) == 0) space.reset(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
    });
  }
  if (!space) GTEST_SKIP() << "a network namespace needs root";
  struct stat made {};
  ASSERT_EQ(::fstat(space.get(), &made), 0);
  spec_.network_namespace = space.get();
  const std::string out = StrCat(directory_->path(), "/namespace");
  Run(StrCat("readlink -n /proc/self/ns/net > ", out))->Wait();
  EXPECT_EQ(*ReadFile(out), StrCat("net:[", made.st_ino, "]"));
}

TEST_F(QemuVmTest, StopEndsTheProcessAndIsIdempotent) {
  const std::unique_ptr<Vm> vm = Run("exec sleep 1000");
  const pid_t pid = vm->pid();
  ASSERT_GT(pid, 0);
  vm->Stop();
  vm->Stop();
  EXPECT_EQ(vm->Wait(), "the VM was stopped");
  EXPECT_EQ(::kill(pid, 0), -1);
}

TEST_F(QemuVmTest, TheDestructorLeavesNoProcess) {
  std::unique_ptr<Vm> vm = Run("exec sleep 1000");
  const pid_t pid = vm->pid();
  vm.reset();
  EXPECT_EQ(::kill(pid, 0), -1);
}

TEST_F(QemuVmTest, ASigkillFromOutsideIsReported) {
  const std::unique_ptr<Vm> vm = Run("exec sleep 1000");
  ::kill(vm->pid(), SIGKILL);
  EXPECT_EQ(vm->Wait(), "qemu was killed by signal 9 (Killed)");
}

TEST_F(QemuVmTest, AVmThatWasNeverStartedCanBeStopped) {
  const std::unique_ptr<Vm> vm = Make("exit 0");
  EXPECT_EQ(vm->pid(), -1);
  EXPECT_TRUE(absl::IsFailedPrecondition(vm->Connect(1024).status()));
  vm->Stop();
  EXPECT_EQ(vm->Wait(), "the VM was never started");
  EXPECT_FALSE(vm->Start().ok());
}

TEST_F(QemuVmTest, AMissingProgramIsNamed) {
  const std::unique_ptr<Vm> vm = Make("exit 0");
  ::unlink(spec_.binary.c_str());
  const absl::Status status = vm->Start();
  EXPECT_TRUE(absl::IsNotFound(status));
  EXPECT_NE(MessageOf(status).find(spec_.binary), std::string_view::npos) << status;
  EXPECT_NE(vm->Wait().find(spec_.binary), std::string::npos);
}

TEST_F(QemuVmTest, ConnectingFailsBeforeTheDriverIsUpAndAfterTheEnd) {
  const std::unique_ptr<Vm> vm = Run("exec sleep 1000");
  EXPECT_TRUE(absl::IsUnavailable(vm->Connect(1024).status()));
  vm->Stop();
  const absl::Status status = vm->Connect(1024).status();
  EXPECT_TRUE(absl::IsUnavailable(status));
  EXPECT_NE(MessageOf(status).find("the VM was stopped"), std::string_view::npos);
}

TEST_F(QemuVmTest, PausesAndResumesByQmp) {
  const std::unique_ptr<Vm> vm =
      Run("read hello <&3\n"
          "read stop <&3; echo '{\"return\":{},\"id\":1}' >&3\n"
          "read cont <&3; echo '{\"error\":{\"desc\":\"no\"},\"id\":2}' >&3\n"
          "exec sleep 1000");
  EXPECT_TRUE(vm->Pause().ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(vm->Resume()));
}

TEST_F(QemuVmTest, ReportsTheProcesssStatistics) {
  const auto console = *SocketPair();
  spec_.console_fd = console.first.get();
  const std::unique_ptr<Vm> vm = Run("echo up; read forever <&3; read forever <&3");
  char byte;
  ASSERT_TRUE(ReadFull(console.second.get(), &byte, 1).ok());  // the program runs, not the fork
  const auto stats = vm->Stats();
  ASSERT_TRUE(stats.ok());
  EXPECT_GT(stats->rss_bytes, 0u);
}

TEST_F(QemuVmTest, TheConsoleGoesToItsDescriptor) {
  const std::string path = Write("console", "");
  const UniqueFd console = *OpenFile(path, O_WRONLY);
  spec_.console_fd = console.get();
  Run("echo from the guest")->Wait();
  EXPECT_EQ(*ReadFile(path), "from the guest\n");
}

TEST_F(QemuVmTest, ListensForTheGuest) {
  const std::unique_ptr<Vm> vm = Make("exit 0");
  const auto listener = vm->Listen(1025);
  ASSERT_TRUE(listener.ok());
  struct stat st;
  ASSERT_EQ(::stat(StrCat(spec_.state_dir, "/vsock_1025").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777, 0600u);
}

}  // namespace
}  // namespace cc::vmm::qemu
