// SPDX-License-Identifier: Apache-2.0
#include "vmm/qemu/qemu_vm.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <future>

#include "agent_proto/dial.h"
#include "base/file.h"
#include "base/log.h"
#include "base/socket.h"
#include "base/status.h"
#include "base/strings.h"
#include "vmm/qemu/command_line.h"
#include "vmm/qemu/process_stats.h"
#include "vmm/qemu/tsc.h"

namespace cc::vmm::qemu {
namespace {

using std::chrono_literals::operator""s;

// Each VM has its own device, so every guest can have the same address.
constexpr uint64_t kGuestCid = 3;
constexpr int kConsoleFd = 1, kErrorFd = 2, kQmpFd = 3, kVsockFd = 4;
constexpr size_t kErrorTail = 4096;
constexpr auto kConnectTimeout = 10s;
constexpr auto kCommandTimeout = 10s;

// What QEMU printed may hold bytes that a guest chose.
std::string Printable(std::string_view text) {
  std::string out;
  for (const char c : StrTrim(text)) out.push_back(c >= ' ' && c < 0x7f ? c : ' ');
  return out;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Vm>> QemuVm::Create(const VmSpec& spec, Accel accel) {
  std::unique_ptr<QemuVm> vm(new QemuVm(spec, accel));
  CC_ASSIGN_OR_RETURN(vm->loop_, EventLoop::Create());
  CC_ASSIGN_OR_RETURN(vm->vsock_, vsock::VsockDevice::Create(vm->loop_.get(), kGuestCid, vm->vsock_path_));
  QemuVm* self = vm.get();
  CC_ASSIGN_OR_RETURN(vm->thread_, Thread::Start("vm", [self] {
                        // Signals belong to the program's own threads.
                        sigset_t all;
                        ::sigfillset(&all);
                        ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
                        self->loop_->Run();
                      }));
  return vm;
}

QemuVm::QemuVm(const VmSpec& spec, Accel accel)
    : spec_(spec), accel_(accel), vsock_path_(StrCat(spec.state_dir, "/vsock")) {}

QemuVm::~QemuVm() {
  if (!thread_.joinable()) return;
  Stop();
  loop_->Stop();
  thread_.Join();
}

absl::Status QemuVm::Start() {
  {
    std::lock_guard lock(mutex_);
    if (state_ != State::kCreated) return absl::FailedPreconditionError("the VM was started before");
    state_ = State::kStarting;
  }
  // The process dies with the thread that forked it (PR_SET_PDEATHSIG), so it must be our own.
  std::promise<absl::Status> launched;
  loop_->Post([&] { launched.set_value(Launch()); });
  absl::Status status = launched.get_future().get();
  if (!status.ok()) {
    status = Annotate(status, StrCat("starting the VM of sandbox ", spec_.id));
    End(std::string(MessageOf(status)));
  }
  return status;
}

absl::Status QemuVm::Launch() {
  CC_ASSIGN_OR_RETURN(auto qmp, SocketPair());
  CC_ASSIGN_OR_RETURN(auto vsock, SocketPair());
  std::array<int, 2> pipe;
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) return ErrnoStatus(errno, "create a pipe");
  errors_.reset(pipe[0]);
  const UniqueFd errors_write(pipe[1]);
  if (::fcntl(errors_.get(), F_SETFL, O_NONBLOCK) != 0) return ErrnoStatus(errno, "prepare a pipe");

  qemu::Launch launch{.accel = accel_, .qmp_fd = kQmpFd, .vsock_fd = kVsockFd};
  if (accel_ == Accel::kTcg) launch.tick_khz = HostTickKhz();
  launch.console = spec_.console_fd >= 0;
  SpawnOptions options{.argv = BuildCommandLine(spec_, launch), .env = std::vector<std::string>{}};
  options.fds = {{errors_write.get(), kErrorFd}, {qmp.second.get(), kQmpFd}, {vsock.second.get(), kVsockFd}};
  if (launch.console) options.fds.emplace_back(spec_.console_fd, kConsoleFd);
  options.parent_death_signal = SIGKILL;

  CC_ASSIGN_OR_RETURN(vhost_user_, vhost_user::Backend::Create(loop_.get(), std::move(vsock.first),
                                                               vsock_.get(), [this] { vsock_->CloseAll(); }));
  CC_ASSIGN_OR_RETURN(qmp_, Qmp::Create(loop_.get(), std::move(qmp.first)));
  CC_RETURN_IF_ERROR(loop_->Add(errors_.get(), EPOLLIN, [this](uint32_t) { ReadErrors(); }));
  CC_ASSIGN_OR_RETURN(child_, Spawn(options));
  UniqueFd pidfd(::fcntl(child_.pidfd(), F_DUPFD_CLOEXEC, 0));
  if (!pidfd) return ErrnoStatus(errno, "duplicate a pidfd");
  CC_RETURN_IF_ERROR(loop_->Add(child_.pidfd(), EPOLLIN, [this](uint32_t) { OnExit(); }));

  log::Info("vm started",
            {{"sandbox", spec_.id}, {"pid", child_.pid()}, {"accel", accel_ == Accel::kKvm ? "kvm" : "tcg"}});
  std::lock_guard lock(mutex_);
  pid_ = child_.pid();
  pidfd_ = std::move(pidfd);
  state_ = State::kRunning;
  return absl::OkStatus();
}

absl::Status QemuVm::CheckRunning(std::string_view action) const {
  std::lock_guard lock(mutex_);
  if (state_ == State::kRunning) return absl::OkStatus();
  if (state_ == State::kEnded) return absl::UnavailableError(StrCat(action, ": the VM has ended: ", ending_));
  return absl::FailedPreconditionError(StrCat(action, ": the VM has not been started"));
}

absl::StatusOr<UniqueFd> QemuVm::Connect(uint32_t port) {
  CC_RETURN_IF_ERROR(CheckRunning("connecting to the guest"));
  return agent_proto::DialHybrid(vsock_path_, port, kConnectTimeout);
}

absl::StatusOr<UniqueFd> QemuVm::Listen(uint32_t port) {
  return ListenUnix(vsock::PortPath(vsock_path_, port));
}

absl::Status QemuVm::Command(std::string_view command) {
  CC_RETURN_IF_ERROR(CheckRunning(command));
  return qmp_->Execute(command, kCommandTimeout);
}

absl::Status QemuVm::Pause() { return Command("stop"); }

absl::Status QemuVm::Resume() { return Command("cont"); }

void QemuVm::Stop() {
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

std::string QemuVm::Wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return state_ == State::kEnded; });
  return ending_;
}

pid_t QemuVm::pid() const {
  std::lock_guard lock(mutex_);
  return pid_;
}

absl::StatusOr<VmStats> QemuVm::Stats() {
  CC_RETURN_IF_ERROR(CheckRunning("reading statistics"));
  CC_ASSIGN_OR_RETURN(const std::string line, ReadFile(StrCat("/proc/", pid(), "/stat"), 4096));
  return ParseProcessStat(line, static_cast<uint64_t>(::sysconf(_SC_PAGESIZE)),
                          static_cast<uint64_t>(::sysconf(_SC_CLK_TCK)));
}

// --- On the loop's thread -------------------------------------------------------------------------------

void QemuVm::ReadErrors() {
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

void QemuVm::OnExit() {
  loop_->Remove(child_.pidfd());
  const absl::StatusOr<ExitState> exit = child_.Wait();
  ReadErrors();
  qmp_->Drain();
  vsock_->CloseAll();
  const std::string why = Describe(exit);
  log::Info("vm ended", {{"sandbox", spec_.id}, {"why", why}});
  End(why);
}

std::string QemuVm::Describe(const absl::StatusOr<ExitState>& exit) const {
  if (!exit.ok()) return StrCat("qemu is gone: ", MessageOf(exit.status()));
  const std::string tail =
      error_tail_.empty() ? std::string() : StrCat("; its last words: ", Printable(error_tail_));
  if (exit->signal != 0) {
    std::lock_guard lock(mutex_);
    if (stop_asked_ && exit->signal == SIGKILL) return "the VM was stopped";
    return StrCat("qemu was killed by signal ", exit->signal, " (", ::strsignal(exit->signal), ")", tail);
  }
  const std::string reason = qmp_->shutdown_reason().value_or("");
  if (exit->code == 0 && reason == "guest-shutdown") return "guest powered off";
  if (exit->code == 0 && reason == "guest-reset") return "guest rebooted, or its kernel panicked";
  if (exit->code == 0 && reason == "guest-panic") return "guest kernel panicked";
  return StrCat("qemu exited with code ", exit->code, reason.empty() ? "" : " after " + reason, tail);
}

void QemuVm::End(std::string why) {
  std::lock_guard lock(mutex_);
  state_ = State::kEnded;
  ending_ = std::move(why);
  changed_.notify_all();
}

}  // namespace cc::vmm::qemu
