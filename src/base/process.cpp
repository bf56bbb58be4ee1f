// SPDX-License-Identifier: Apache-2.0
#include "base/process.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>

#include "base/file.h"
#include "base/socket.h"
#include "base/status.h"
#include "base/strings.h"

namespace cc {
namespace {

UniqueFd PidfdOpen(pid_t pid) { return UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))); }

absl::StatusOr<std::string> FindProgram(const std::string& name) {
  if (name.find('/') != std::string::npos) return name;
  const char* path = std::getenv("PATH");
  const std::string_view directories =
      path != nullptr ? path : "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  for (std::string_view directory : StrSplit(directories, ':')) {
    std::string candidate = StrCat(directory, "/", name);
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return absl::NotFoundError(StrCat("program ", name, " is not in PATH; is it installed?"));
}

std::vector<char*> Pointers(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (const std::string& string : strings) pointers.push_back(const_cast<char*>(string.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

// All that the child needs, prepared before fork: between fork and exec only async-signal-safe calls are
// allowed, because other threads may hold the allocator's lock.
struct Prepared {
  std::string program;
  std::vector<char*> argv;
  std::vector<char*> envp;
  std::vector<std::pair<int, int>> fds;
  const char* cwd;
  const SpawnOptions* options;
  pid_t parent;
};

[[noreturn]] void Fail(int error_pipe) {
  const int error = errno;
  [[maybe_unused]] ssize_t written = ::write(error_pipe, &error, sizeof(error));
  ::_exit(127);
}

[[noreturn]] void ExecInChild(Prepared& p, int error_pipe) {
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  for (int signal = 1; signal < 32; ++signal) ::signal(signal, SIG_DFL);
  if (p.options->parent_death_signal != 0) {
    ::prctl(PR_SET_PDEATHSIG, p.options->parent_death_signal);
    if (::getppid() != p.parent) ::_exit(127);  // the parent died before the request
  }
  if (p.options->new_session && ::setsid() < 0) Fail(error_pipe);
  if (p.options->network_namespace >= 0 && ::setns(p.options->network_namespace, CLONE_NEWNET) != 0)
    Fail(error_pipe);

  int above = 2;
  for (const auto& [from, to] : p.fds) above = std::max(above, to);
  error_pipe = ::fcntl(error_pipe, F_DUPFD_CLOEXEC, above + 1);
  for (auto& [from, to] : p.fds) {
    from = ::fcntl(from, F_DUPFD_CLOEXEC, above + 1);
    if (from < 0) Fail(error_pipe);
  }
  ::syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC);
  std::array<bool, 3> standard{};
  for (const auto& [from, to] : p.fds) {
    if (::dup2(from, to) < 0) Fail(error_pipe);
    if (to <= 2) standard[static_cast<size_t>(to)] = true;
  }
  for (int fd = 0; fd <= 2; ++fd) {
    if (standard[static_cast<size_t>(fd)]) continue;
    const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0 || (null != fd && ::dup2(null, fd) < 0)) Fail(error_pipe);
    if (null == fd) ::fcntl(fd, F_SETFD, 0);
  }
  if (p.options->controlling_tty >= 0 && ::ioctl(p.options->controlling_tty, TIOCSCTTY, 0) < 0)
    Fail(error_pipe);
  if (p.cwd != nullptr && ::chdir(p.cwd) < 0) Fail(error_pipe);
  ::execve(p.program.c_str(), p.argv.data(), p.envp.data());
  Fail(error_pipe);
}

// Reads into `output` (at most `limit` bytes kept) until the end of the stream.
class Collector {
 public:
  Collector(UniqueFd fd, std::string* output, size_t limit)
      : fd_(std::move(fd)), output_(output), limit_(limit) {}
  int fd() const { return fd_.get(); }
  void ReadOnce() {
    std::array<char, 16384> buffer;
    absl::StatusOr<size_t> n = ReadSome(fd_.get(), buffer);
    if (!n.ok() || *n == 0) {
      fd_.reset();
      return;
    }
    output_->append(buffer.data(), std::min(*n, limit_ - std::min(limit_, output_->size())));
  }

 private:
  UniqueFd fd_;
  std::string* output_;
  size_t limit_;
};

absl::StatusOr<std::pair<UniqueFd, UniqueFd>> MakePipe() {
  std::array<int, 2> fds;
  if (::pipe2(fds.data(), O_CLOEXEC) != 0) return ErrnoStatus(errno, "create pipe");
  return std::pair(UniqueFd(fds[0]), UniqueFd(fds[1]));
}

// Feeds `input` and reads both outputs at the same time, so that no full pipe blocks the child.
void Exchange(UniqueFd& in, std::string_view input, Collector& out, Collector& err) {
  while (in || out.fd() >= 0 || err.fd() >= 0) {
    std::array<pollfd, 3> polled{{{.fd = in.get(), .events = POLLOUT, .revents = 0},
                                  {.fd = out.fd(), .events = POLLIN, .revents = 0},
                                  {.fd = err.fd(), .events = POLLIN, .revents = 0}}};
    if (::poll(polled.data(), polled.size(), -1) < 0 && errno != EINTR) return;
    if (polled[0].revents != 0) {
      const ssize_t n = ::send(in.get(), input.data(), input.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (n > 0) input.remove_prefix(static_cast<size_t>(n));
      if (input.empty() || (n < 0 && errno != EAGAIN && errno != EINTR)) in.reset();
    }
    if (polled[1].revents != 0) out.ReadOnce();
    if (polled[2].revents != 0) err.ReadOnce();
  }
}

}  // namespace

Child::Child(Child&& other) noexcept : pid_(std::exchange(other.pid_, -1)), pidfd_(std::move(other.pidfd_)) {}

Child& Child::operator=(Child&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(pidfd_, other.pidfd_);
  return *this;
}

Child::~Child() {
  if (pid_ <= 0) return;
  Kill(SIGKILL).IgnoreError();
  Wait().IgnoreError();
}

absl::StatusOr<ExitState> Child::Wait(std::optional<std::chrono::milliseconds> timeout) {
  if (pid_ <= 0) return absl::FailedPreconditionError("no process to wait for");
  if (timeout.has_value()) CC_RETURN_IF_ERROR(WaitReadable(pidfd_.get(), *timeout));
  siginfo_t info{};
  int result;
  do {
    result = ::waitid(static_cast<idtype_t>(P_PIDFD), static_cast<id_t>(pidfd_.get()), &info, WEXITED);
  } while (result != 0 && errno == EINTR);
  if (result != 0) return ErrnoStatus(errno, StrCat("wait for process ", pid_));
  pid_ = -1;
  if (info.si_code == CLD_EXITED) return ExitState{.code = info.si_status, .signal = 0};
  return ExitState{.code = 0, .signal = info.si_status};
}

absl::Status Child::Kill(int signal) {
  if (!pidfd_) return absl::FailedPreconditionError("no process to signal");
  if (::syscall(SYS_pidfd_send_signal, pidfd_.get(), signal, nullptr, 0) != 0) {
    if (errno == ESRCH) return absl::NotFoundError("process has ended");
    return ErrnoStatus(errno, StrCat("send signal ", signal));
  }
  return absl::OkStatus();
}

pid_t Child::Release() {
  pidfd_.reset();
  return std::exchange(pid_, -1);
}

absl::StatusOr<Child> Spawn(const SpawnOptions& options) {
  if (options.argv.empty()) return absl::InvalidArgumentError("start a process: empty command line");
  CC_ASSIGN_OR_RETURN(std::string program, FindProgram(options.argv[0]));
  Prepared prepared{.program = std::move(program),
                    .argv = Pointers(options.argv),
                    .envp = {},
                    .fds = options.fds,
                    .cwd = options.cwd.empty() ? nullptr : options.cwd.c_str(),
                    .options = &options,
                    .parent = ::getpid()};
  if (options.env.has_value()) {
    prepared.envp = Pointers(*options.env);
  } else {
    for (char** entry = environ; *entry != nullptr; ++entry) prepared.envp.push_back(*entry);
    prepared.envp.push_back(nullptr);
  }
  CC_ASSIGN_OR_RETURN(auto pipe, MakePipe());
  auto& [error_read, error_write] = pipe;

  const pid_t pid = ::fork();
  if (pid < 0) return ErrnoStatus(errno, "fork");
  if (pid == 0) ExecInChild(prepared, error_write.get());

  error_write.reset();
  UniqueFd pidfd = PidfdOpen(pid);
  const int pidfd_error = errno;
  int error = 0;
  const bool exec_failed = ReadFull(error_read.get(), &error, sizeof(error)).ok();
  if (exec_failed || !pidfd) {
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    return exec_failed ? ErrnoStatus(error, StrCat("start ", prepared.program))
                       : ErrnoStatus(pidfd_error, "pidfd_open");
  }
  return Child(pid, std::move(pidfd));
}

absl::StatusOr<Output> Run(SpawnOptions options, std::string_view input, size_t limit) {
  CC_ASSIGN_OR_RETURN(auto in, SocketPair());
  CC_ASSIGN_OR_RETURN(auto out, MakePipe());
  CC_ASSIGN_OR_RETURN(auto err, MakePipe());
  options.fds.insert(options.fds.end(), {{in.first.get(), 0}, {out.second.get(), 1}, {err.second.get(), 2}});
  CC_ASSIGN_OR_RETURN(Child child, Spawn(options));
  in.first.reset();
  out.second.reset();
  err.second.reset();
  Output output;
  Collector out_collector(std::move(out.first), &output.out, limit);
  Collector err_collector(std::move(err.first), &output.err, limit);
  if (input.empty()) in.second.reset();
  Exchange(in.second, input, out_collector, err_collector);
  CC_ASSIGN_OR_RETURN(output.exit, child.Wait());
  return output;
}

}  // namespace cc
