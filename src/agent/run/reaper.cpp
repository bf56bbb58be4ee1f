// SPDX-License-Identifier: Apache-2.0
#include "agent/run/reaper.h"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/log.h"
#include "base/status.h"
#include "base/unique_fd.h"

namespace cc::agent {
namespace {

sigset_t Signals() {
  sigset_t set;
  ::sigemptyset(&set);
  for (int signal : {SIGCHLD, SIGTERM, SIGINT}) ::sigaddset(&set, signal);
  return set;
}

}  // namespace

void Reaper::BlockSignals() {
  const sigset_t set = Signals();
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

Reaper::Expectation::Expectation(Reaper* reaper) : reaper_(reaper) {
  std::lock_guard lock(reaper_->mutex_);
  ++reaper_->expecting_;
}

Reaper::Expectation::~Expectation() {
  std::lock_guard lock(reaper_->mutex_);
  if (--reaper_->expecting_ == 0) reaper_->unclaimed_.clear();
}

void Reaper::Watch(const std::shared_ptr<Process>& process) {
  WatchPid(process->pid(), [process](int status) { process->MarkExited(status); });
}

void Reaper::WatchPid(pid_t pid, std::function<void(int status)> callback) {
  int status;
  {
    std::lock_guard lock(mutex_);
    const auto ended = unclaimed_.find(pid);
    if (ended == unclaimed_.end()) {
      watched_[pid] = std::move(callback);
      return;
    }
    status = ended->second;
    unclaimed_.erase(ended);
  }
  callback(status);
}

bool Reaper::ReapOne() {
  siginfo_t info{};
  // The child is only looked at first: its pid must not be free for others before its Process knows.
  if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT | __WNOTHREAD) != 0 || info.si_pid == 0)
    return false;
  const int status = info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
  std::function<void(int)> callback;
  {
    std::lock_guard lock(mutex_);
    const auto watched = watched_.find(info.si_pid);
    if (watched != watched_.end()) {
      callback = std::move(watched->second);
      watched_.erase(watched);
    } else if (expecting_ > 0) {
      unclaimed_[info.si_pid] = status;
    }
  }
  if (callback) callback(status);
  ::waitid(P_PID, static_cast<id_t>(info.si_pid), nullptr, WEXITED | WNOHANG | __WNOTHREAD);
  return true;
}

absl::Status Reaper::Run(int stop_fd) {
  const sigset_t set = Signals();
  UniqueFd signals(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals) return ErrnoStatus(errno, "create signalfd");
  while (true) {
    while (ReapOne()) {
    }
    std::array<pollfd, 2> polled{{{.fd = signals.get(), .events = POLLIN, .revents = 0},
                                  {.fd = stop_fd, .events = POLLIN, .revents = 0}}};
    if (::poll(polled.data(), polled.size(), -1) < 0 && errno != EINTR) return ErrnoStatus(errno, "poll");
    if (polled[1].revents != 0) return absl::OkStatus();
    signalfd_siginfo info{};
    while (::read(signals.get(), &info, sizeof(info)) == static_cast<ssize_t>(sizeof(info))) {
      if (info.ssi_signo != static_cast<uint32_t>(SIGCHLD)) return absl::OkStatus();
    }
  }
}

}  // namespace cc::agent
