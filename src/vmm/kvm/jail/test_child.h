// SPDX-License-Identifier: Apache-2.0
// For tests: code that runs in a child, because what it gives up does not come back.
#ifndef CC_VMM_KVM_JAIL_TEST_CHILD_H_
#define CC_VMM_KVM_JAIL_TEST_CHILD_H_

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <functional>
#include <string>

#include "base/strings.h"

namespace cc::vmm::kvm::jail {

// "0" and so on for an exit code, "SIGSYS" and the like for a signal.
inline std::string EndOf(int status) {
  if (WIFEXITED(status)) return StrCat(WEXITSTATUS(status));
  return StrCat("SIG", ::sigabbrev_np(WTERMSIG(status)));
}

inline std::string InChild(const std::function<int()>& body) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    const rlimit no_core{0, 0};
    ::setrlimit(RLIMIT_CORE, &no_core);
    ::_exit(body());
  }
  int status = 0;
  EXPECT_EQ(::waitpid(pid, &status, 0), pid);
  return EndOf(status);
}

// For the bodies: says where, on stderr, and ends.
#define CC_CHILD_CHECK(condition)                                                            \
  do {                                                                                       \
    if (!(condition)) {                                                                      \
      ::dprintf(2, "%s:%d: not so: %s (errno %d)\n", __FILE__, __LINE__, #condition, errno); \
      return 1;                                                                              \
    }                                                                                        \
  } while (false)

// Sanitizers make system calls of their own.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif

}  // namespace cc::vmm::kvm::jail

#endif  // CC_VMM_KVM_JAIL_TEST_CHILD_H_
