// SPDX-License-Identifier: Apache-2.0
#include "vmm/kvm/jail/jail.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "base/file.h"
#include "base/thread.h"
#include "vmm/kvm/jail/namespaces.h"
#include "vmm/kvm/jail/test_child.h"

namespace cc::vmm::kvm::jail {
namespace {

constexpr Limits kLimits = {.file_bytes = 1 << 20, .descriptors = 64, .threads = 8};

class JailTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    ASSERT_TRUE(WriteFileAtomic(directory_.path() + "/inside", "#!/bin/sh\n", 0755).ok());
  }
  // In a child, in the test's directory.
  std::string Inside(const std::function<int()>& body) {
    return InChild([&] {
      CC_CHILD_CHECK(::chdir(directory_.path().c_str()) == 0);
      return body();
    });
  }
  std::string Closed(const std::function<int()>& body) {
    return Inside([&] {
      const absl::StatusOr<Jail> jail = Jail::Close(kLimits);
      if (!jail.ok()) ::dprintf(2, "%s\n", std::string(jail.status().message()).c_str());
      return jail.ok() ? body() : 2;
    });
  }
  const TempDir directory_ = *TempDir::Create("jail-test");
};

int LooksAround() {
  CC_CHILD_CHECK(EnterNamespaces(Network::kOwn).ok());
  const absl::Status status = EnterEmptyRoot();
  if (!status.ok()) ::dprintf(2, "%s\n", std::string(status.message()).c_str());
  CC_CHILD_CHECK(status.ok());
  for (const char* path : {"/etc/passwd", "/proc/self/status", "/dev/null", "/tmp"}) {
    CC_CHILD_CHECK(::open(path, O_RDONLY) < 0 && errno == ENOENT);
  }
  CC_CHILD_CHECK(::access("inside", R_OK) == 0);
  struct stat root, above;
  CC_CHILD_CHECK(::stat("/", &root) == 0 && ::stat("../../..", &above) == 0);
  CC_CHILD_CHECK(root.st_ino == above.st_ino && root.st_dev == above.st_dev);
  CC_CHILD_CHECK(::mkdir("/new", 0700) != 0 && errno == EROFS);
  char* const arguments[] = {nullptr};
  CC_CHILD_CHECK(::execve("inside", arguments, arguments) != 0 && errno == EACCES);
  return 0;
}

TEST_F(JailTest, RootIsEmptyAndHasNoWayOut) { EXPECT_EQ(Inside(LooksAround), "0"); }

TEST_F(JailTest, NamespacesAreItsOwn) {
  EXPECT_EQ(Inside([] {
              const auto missing = EnterNamespaces(Network::kOwn);
              CC_CHILD_CHECK(missing.ok() && missing->empty());
              CC_CHILD_CHECK(::geteuid() == 65534 && ::getegid() == 65534);
              CC_CHILD_CHECK(::getgroups(0, nullptr) == 0);
              struct if_nameindex* const interfaces = ::if_nameindex();
              CC_CHILD_CHECK(interfaces != nullptr && interfaces[1].if_index == 0);  // lo alone
              return 0;
            }),
            "0");
}

TEST_F(JailTest, StaysInThePodsNetworkNamespaceWithoutPowerOverIt) {
  EXPECT_EQ(Inside([] {
              const auto network = [] {
                struct stat st {};
                return ::stat("/proc/self/ns/net", &st) == 0 ? st.st_ino : 0;
              };
              CC_CHILD_CHECK(::unshare(CLONE_NEWNET) == 0);
              const ino_t pods = network();
              const auto missing = EnterNamespaces(Network::kKeep);
              CC_CHILD_CHECK(missing.ok() && missing->empty());
              CC_CHILD_CHECK(pods != 0 && network() == pods);
              const int socket = ::socket(AF_INET, SOCK_DGRAM, 0);
              ifreq up{.ifr_ifrn = {"lo"}, .ifr_ifru = {.ifru_flags = IFF_UP}};
              CC_CHILD_CHECK(::ioctl(socket, SIOCSIFFLAGS, &up) != 0 && errno == EPERM);
              return 0;
            }),
            "0");
}

// The kernel's limit of user namespaces is itself a namespace's.
TEST_F(JailTest, WithoutUserNamespacesTheRestHolds) {
  EXPECT_EQ(Inside([] {
              CC_CHILD_CHECK(::unshare(CLONE_NEWUSER) == 0);
              const auto write = [](const char* path, std::string_view text) {
                const int fd = ::open(path, O_WRONLY);
                return ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
              };
              CC_CHILD_CHECK(write("/proc/self/uid_map", "0 0 1") && write("/proc/self/setgroups", "deny"));
              CC_CHILD_CHECK(write("/proc/self/gid_map", "0 0 1"));
              CC_CHILD_CHECK(write("/proc/sys/user/max_user_namespaces", "0"));
              const auto missing = EnterNamespaces(Network::kOwn);
              CC_CHILD_CHECK(missing.ok() && missing->back().starts_with("no user namespace"));
              CC_CHILD_CHECK(EnterEmptyRoot().ok() && DropPrivileges().ok());
              CC_CHILD_CHECK(::access("/etc", F_OK) != 0 && ::access("inside", F_OK) == 0);
              return 0;
            }),
            "0");
}

TEST_F(JailTest, NoPrivilegeIsLeft) {
  EXPECT_EQ(Inside([] {
              CC_CHILD_CHECK(DropPrivileges().ok());
              __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
              __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {};
              CC_CHILD_CHECK(::syscall(SYS_capget, &header, sets) == 0);
              for (const auto& set : sets) {
                CC_CHILD_CHECK(set.effective == 0 && set.permitted == 0 && set.inheritable == 0);
              }
              for (unsigned long i = 0; i <= CAP_LAST_CAP; ++i) {
                CC_CHILD_CHECK(::prctl(PR_CAPBSET_READ, i, 0, 0, 0) == 0);
                CC_CHILD_CHECK(::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, i, 0, 0) == 0);
              }
              CC_CHILD_CHECK(::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
              CC_CHILD_CHECK(::prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0);
              sets[0].effective = sets[0].permitted = 1u << CAP_SYS_ADMIN;
              CC_CHILD_CHECK(::syscall(SYS_capset, &header, sets) != 0 && errno == EPERM);
              CC_CHILD_CHECK(::mount("none", "/", "tmpfs", 0, nullptr) != 0 && errno == EPERM);
              return 0;
            }),
            "0");
}

TEST_F(JailTest, LimitsHold) {
  EXPECT_EQ(Inside([] {
              CC_CHILD_CHECK(SetLimits(kLimits).ok());
              const int file = ::open("grows", O_RDWR | O_CREAT, 0600);
              CC_CHILD_CHECK(::pwrite(file, "x", 1, (1 << 20) - 1) == 1);
              CC_CHILD_CHECK(::pwrite(file, "x", 1, 1 << 20) < 0 && errno == EFBIG);
              CC_CHILD_CHECK(::fcntl(file, F_DUPFD, 64) < 0);
              int last = file;
              while (last >= 0) last = ::dup(file);
              CC_CHILD_CHECK(errno == EMFILE);
              rlimit limit{};
              CC_CHILD_CHECK(::getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_max == 0);
              CC_CHILD_CHECK(::getrlimit(RLIMIT_NPROC, &limit) == 0 && limit.rlim_max == 8);
              return 0;
            }),
            "0");
}

TEST_F(JailTest, StillDiesWithTheShim) {
  if (kSanitized) GTEST_SKIP() << "sanitizers make calls of their own";
  EXPECT_EQ(
      Inside([] {
        int signal = 0;
        CC_CHILD_CHECK(::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0);
        CC_CHILD_CHECK(EnterNamespaces(Network::kOwn).ok() && EnterEmptyRoot().ok() && DropPrivileges().ok());
        CC_CHILD_CHECK(::prctl(PR_GET_PDEATHSIG, &signal, 0, 0, 0) == 0 && signal == SIGKILL);
        return 0;
      }),
      "0");
}

TEST_F(JailTest, WhatAnIntruderWouldTryEndsTheProcess) {
  if (kSanitized) GTEST_SKIP() << "sanitizers make calls of their own";
  const struct {
    const char* name;
    std::function<void()> attempt;
  } kAttempts[] = {
      {"open a file", [] { ::open("/etc/passwd", O_RDONLY); }},
      {"open the directory", [] { ::open(".", O_RDONLY | O_DIRECTORY); }},
      {"run a program", [] { ::execl("/bin/sh", "sh", nullptr); }},
      {"fork", [] { ::fork(); }},
      {"an internet socket", [] { ::socket(AF_INET, SOCK_STREAM, 0); }},
      {"a netlink socket", [] { ::socket(AF_NETLINK, SOCK_RAW, 0); }},
      {"trace", [] { ::ptrace(PTRACE_ATTACH, 1, 0, 0); }},
      {"kill", [] { ::kill(1, 0); }},
      {"read another process", [] { ::syscall(SYS_process_vm_readv, 1, nullptr, 0, nullptr, 0, 0); }},
      {"open a pidfd", [] { ::syscall(SYS_pidfd_open, 1, 0); }},
      {"gain capabilities", [] { ::syscall(SYS_capset, nullptr, nullptr); }},
      {"be another user", [] { ::syscall(SYS_setresuid, 0, 0, 0); }},
      {"mount", [] { ::mount("none", "/", "tmpfs", 0, nullptr); }},
      {"make a namespace", [] { ::unshare(CLONE_NEWUSER); }},
      {"executable memory", [] { ::mmap(nullptr, 4096, PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); }},
      {"io_uring", [] { ::syscall(SYS_io_uring_setup, 1, nullptr); }},
      {"bpf", [] { ::syscall(SYS_bpf, 0, nullptr, 0); }},
      {"be dumpable", [] { ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0); }},
      {"a terminal's input", [] { ::ioctl(0, 0x5412, "x"); }},
      {"more descriptors", [] { ::syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, nullptr, nullptr); }},
  };
  for (const auto& attempt : kAttempts) {
    EXPECT_EQ(Closed([&] {
                attempt.attempt();
                return 0;
              }),
              "SIGSYS")
        << attempt.name;
  }
}

TEST_F(JailTest, ThreadsAreMadeUntilTheGuestRuns) {
  if (kSanitized) GTEST_SKIP() << "sanitizers make calls of their own";
  const auto start = [] { return Thread::Start("more", [] {}).ok(); };
  EXPECT_EQ(Closed([&] { return start() ? 0 : 1; }), "0");
  EXPECT_EQ(Inside([&] {
              const absl::StatusOr<Jail> jail = Jail::Close(kLimits);
              CC_CHILD_CHECK(jail.ok());
              jail->Enter(ThreadKind::kMain);
              start();
              return 0;
            }),
            "SIGSYS");
}

TEST_F(JailTest, OneThreadsEndIsEveryones) {
  if (kSanitized) GTEST_SKIP() << "sanitizers make calls of their own";
  EXPECT_EQ(Inside([] {
              const absl::StatusOr<Jail> jail = Jail::Close(kLimits);
              CC_CHILD_CHECK(jail.ok());
              absl::StatusOr<Thread> vcpu = Thread::Start("vcpu", [&jail] {
                jail->Enter(ThreadKind::kVcpu);
                ::socket(AF_UNIX, SOCK_STREAM, 0);  // the devices' thread may
              });
              vcpu->Join();
              return 0;
            }),
            "SIGSYS");
}

}  // namespace
}  // namespace cc::vmm::kvm::jail
