// SPDX-License-Identifier: Apache-2.0
#include "vmm/vm_process.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <future>
#include <utility>

#include "base/file.h"
#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "vmm/process_stats.h"

namespace cc::vmm {
namespace {

constexpr int kErrorFd = 2;
constexpr size_t kErrorTail = 4096;

// What a VMM printed may hold bytes that a guest chose.
std::string Printable(std::string_view text) {
  std::string out;
  for (const char c : StrTrim(text)) out.push_back(c >= ' ' && c < 0x7f ? c : ' ');
  return out;
}

}  // namespace

absl::StatusOr<std::unique_ptr<VmProcess>> VmProcess::Create(const VmSpec& spec, std::string program) {
  std::unique_ptr<VmProcess> process(new VmProcess(spec, std::move(program)));
  CC_ASSIGN_OR_RETURN(process->loop_, EventLoop::Create());
  CC_ASSIGN_OR_RETURN(process->thread_, Thread::Start("vm", [loop = process->loop_.get()] {
                        // Signals belong to the program's own threads.
                        sigset_t all;
                        ::sigfillset(&all);
                        ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
                        loop->Run();
                      }));
  return process;
}

void VmProcess::Shutdown() {
  if (!thread_.joinable()) return;
  Stop();
  loop_->Stop();
  thread_.Join();
}

absl::Status VmProcess::Start(Callbacks callbacks) {
  {
    std::lock_guard lock(mutex_);
    if (state_ != State::kCreated) return absl::FailedPreconditionError("the VM was started before");
    state_ = State::kStarting;
  }
  // The process dies with the thread that forked it (PR_SET_PDEATHSIG), so it must be our own.
  std::promise<absl::Status> launched;
  loop_->Post([&] {
    callbacks_ = std::move(callbacks);
    launched.set_value(Launch());
  });
  absl::Status status = launched.get_future().get();
  if (!status.ok()) {
    status = Annotate(status, StrCat("starting the VM of sandbox ", sandbox_));
    End(std::string(MessageOf(status)));
  }
  return status;
}

absl::Status VmProcess::Launch() {
  std::array<int, 2> pipe;
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) return ErrnoStatus(errno, "create a pipe");
  errors_.reset(pipe[0]);
  const UniqueFd errors_write(pipe[1]);
  if (::fcntl(errors_.get(), F_SETFL, O_NONBLOCK) != 0) return ErrnoStatus(errno, "prepare a pipe");
  CC_ASSIGN_OR_RETURN(SpawnOptions options, callbacks_.prepare());
  options.fds.emplace_back(errors_write.get(), kErrorFd);
  options.parent_death_signal = SIGKILL;
  options.network_namespace = network_namespace_;
  CC_RETURN_IF_ERROR(loop_->Add(errors_.get(), EPOLLIN, [this](uint32_t) { ReadErrors(); }));
  CC_ASSIGN_OR_RETURN(child_, Spawn(options));
  UniqueFd pidfd(::fcntl(child_.pidfd(), F_DUPFD_CLOEXEC, 0));
  if (!pidfd) return ErrnoStatus(errno, "duplicate a pidfd");
  CC_RETURN_IF_ERROR(loop_->Add(child_.pidfd(), EPOLLIN, [this](uint32_t) { OnExit(); }));

  log::Info("vm started", {{"sandbox", sandbox_}, {"pid", child_.pid()}, {"vmm", program_}});
  std::lock_guard lock(mutex_);
  pid_ = child_.pid();
  pidfd_ = std::move(pidfd);
  state_ = State::kRunning;
  return absl::OkStatus();
}

absl::Status VmProcess::CheckRunning(std::string_view action) const {
  std::lock_guard lock(mutex_);
  if (state_ == State::kRunning) return absl::OkStatus();
  if (state_ == State::kEnded) return absl::UnavailableError(StrCat(action, ": the VM has ended: ", ending_));
  return absl::FailedPreconditionError(StrCat(action, ": the VM has not been started"));
}

void VmProcess::Stop() {
  std::unique_lock lock(mutex_);
  stop_asked_ = true;
  changed_.wait(lock, [this] { return state_ != State::kStarting; });
  if (state_ == State::kCreated) {
    state_ = State::kEnded;
    ending_ = "the VM was never started";
    changed_.notify_all();
  }
  if (state_ == State::kRunning) ::syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGKILL, nullptr, 0);
  changed_.wait(lock, [this] { return state_ == State::kEnded; });
}

std::string VmProcess::Wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return state_ == State::kEnded; });
  return ending_;
}

pid_t VmProcess::pid() const {
  std::lock_guard lock(mutex_);
  return pid_;
}

absl::StatusOr<VmStats> VmProcess::Stats() const {
  CC_RETURN_IF_ERROR(CheckRunning("reading statistics"));
  CC_ASSIGN_OR_RETURN(const std::string line, ReadFile(StrCat("/proc/", pid(), "/stat"), 4096));
  return ParseProcessStat(line, static_cast<uint64_t>(::sysconf(_SC_PAGESIZE)),
                          static_cast<uint64_t>(::sysconf(_SC_CLK_TCK)));
}

// --- On the loop's thread -------------------------------------------------------------------------------

void VmProcess::ReadErrors() {
  std::array<char, 1024> buffer;
  while (true) {
    const ssize_t n = ::read(errors_.get(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n == 0) loop_->Remove(errors_.get());
    if (n <= 0) return;
    error_tail_.append(buffer.data(), static_cast<size_t>(n));
    if (error_tail_.size() > kErrorTail) error_tail_.erase(0, error_tail_.size() - kErrorTail);
  }
}

void VmProcess::OnExit() {
  loop_->Remove(child_.pidfd());
  const absl::StatusOr<ExitState> exit = child_.Wait();
  ReadErrors();
  const std::string why = Describe(exit);
  log::Info("vm ended", {{"sandbox", sandbox_}, {"why", why}});
  End(why);
}

std::string VmProcess::Describe(const absl::StatusOr<ExitState>& exit) {
  const std::string reason = callbacks_.ended(exit.value_or(ExitState{}));
  if (!exit.ok()) return StrCat(program_, " is gone: ", MessageOf(exit.status()));
  const std::string tail =
      error_tail_.empty() ? std::string() : StrCat("; its last words: ", Printable(error_tail_));
  if (exit->signal != 0) {
    std::lock_guard lock(mutex_);
    if (stop_asked_ && exit->signal == SIGKILL) return "the VM was stopped";
    return StrCat(program_, " was killed by signal ", exit->signal, " (", ::strsignal(exit->signal), ")",
                  tail);
  }
  if (!reason.empty()) return reason;
  return StrCat(program_, " exited with code ", exit->code, tail);
}

void VmProcess::End(std::string why) {
  std::lock_guard lock(mutex_);
  state_ = State::kEnded;
  ending_ = std::move(why);
  changed_.notify_all();
}

}  // namespace cc::vmm
