// SPDX-License-Identifier: Apache-2.0
// Child processes, supervised by pidfd: no race with a recycled pid, no SIGCHLD handler.
#ifndef CC_BASE_PROCESS_H_
#define CC_BASE_PROCESS_H_

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "base/unique_fd.h"

namespace cc {

struct SpawnOptions {
  std::vector<std::string> argv;  // argv[0] is the path of the program, or a name looked up in PATH
  // "KEY=value" entries; nullopt keeps the caller's environment.
  std::optional<std::vector<std::string>> env;
  // {parent fd, child fd}: dup2'ed in the child. Every other descriptor above 2 is closed there.
  // 0, 1 and 2 that are not mapped become /dev/null.
  std::vector<std::pair<int, int>> fds;
  std::string cwd;
  bool new_session = false;     // setsid()
  int controlling_tty = -1;     // child fd that becomes the controlling terminal (with new_session)
  int parent_death_signal = 0;  // PR_SET_PDEATHSIG; 0 = none
  int network_namespace = -1;   // descriptor of the one that the program runs in; -1 = the caller's
};

// How a process ended: exit code, or signal.
struct ExitState {
  int code = 0;    // meaningful when signal == 0
  int signal = 0;  // terminating signal, 0 when it exited
  // Shell convention, as containers report it: code, or 128 + signal.
  int Status() const { return signal != 0 ? 128 + signal : code; }
};

// A running child. Move-only. The destructor kills with SIGKILL and reaps it unless it was waited for or
// released. Thread-compatible; Kill may be called while another thread is in Wait.
class Child {
 public:
  Child() = default;
  Child(Child&& other) noexcept;
  Child& operator=(Child&& other) noexcept;
  ~Child();

  pid_t pid() const { return pid_; }
  int pidfd() const { return pidfd_.get(); }
  bool running() const { return pid_ > 0; }

  // Blocks until it ends. DeadlineExceeded when `timeout` is given and passes first.
  absl::StatusOr<ExitState> Wait(std::optional<std::chrono::milliseconds> timeout = std::nullopt);
  absl::Status Kill(int signal);
  // Gives up ownership: the process lives on, somebody else reaps it. Returns its pid.
  pid_t Release();

 private:
  friend absl::StatusOr<Child> Spawn(const SpawnOptions& options);
  Child(pid_t pid, UniqueFd pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}
  pid_t pid_ = -1;
  UniqueFd pidfd_;
};

// Starts a program. A failing exec is reported here (NotFound, PermissionDenied), not as exit code 127, and
// so is a network namespace that cannot be entered: the program never runs in another one.
absl::StatusOr<Child> Spawn(const SpawnOptions& options);

struct Output {
  ExitState exit;
  std::string out;  // stdout, at most `limit` bytes kept
  std::string err;
};
// Runs a program to its end and collects what it printed. `input` goes to its stdin.
absl::StatusOr<Output> Run(SpawnOptions options, std::string_view input = {}, size_t limit = 1 << 20);

}  // namespace cc

#endif  // CC_BASE_PROCESS_H_
