// SPDX-License-Identifier: Apache-2.0
// For tests: runs code in a child and writes down which rules its system calls used, on all of its threads.
// The child closes its jail with Allowed::kTrace.
#ifndef CC_VMM_KVM_JAIL_TEST_TRACER_H_
#define CC_VMM_KVM_JAIL_TEST_TRACER_H_

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <set>
#include <string>

#include "vmm/kvm/jail/test_child.h"

namespace cc::vmm::kvm::jail {

struct Traced {
  std::string end;           // as InChild's
  std::set<unsigned> marks;  // RuleMark of each rule that allowed something
};

inline Traced TraceChild(const std::function<int()>& body) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::raise(SIGSTOP);  // until there is a tracer
    ::_exit(body());
  }
  Traced traced;
  int status = 0;
  ::waitpid(pid, &status, WUNTRACED);
  constexpr auto kOptions = PTRACE_O_TRACESECCOMP | PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL;
  EXPECT_EQ(::ptrace(PTRACE_SEIZE, pid, nullptr, kOptions), 0) << "may this process trace?";
  ::kill(pid, SIGCONT);
  for (pid_t stopped; (stopped = ::waitpid(-1, &status, __WALL)) > 0;) {
    if (!WIFSTOPPED(status)) {
      if (stopped == pid) traced.end = EndOf(status);
      continue;
    }
    const int event = status >> 16;
    if (event == PTRACE_EVENT_SECCOMP) {
      unsigned long mark = 0;
      ::ptrace(PTRACE_GETEVENTMSG, stopped, nullptr, &mark);
      traced.marks.insert(static_cast<unsigned>(mark));
    }
    const int signal = event == 0 ? WSTOPSIG(status) : 0;
    ::ptrace(PTRACE_CONT, stopped, nullptr, signal);
  }
  return traced;
}

}  // namespace cc::vmm::kvm::jail

#endif  // CC_VMM_KVM_JAIL_TEST_TRACER_H_
