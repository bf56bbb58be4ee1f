// SPDX-License-Identifier: Apache-2.0
#include "shim/daemon.h"

#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>

#include "base/log.h"
#include "base/status.h"
#include "base/thread.h"
#include "shim/config.h"
#include "shim/events.h"
#include "shim/pod.h"
#include "shim/sandbox_service.h"
#include "shim/service.h"
#include "ttrpc/server.h"

namespace cc::shim {
namespace {

// containerd reads the bundle's FIFO `log`. Both directions and non-blocking: a containerd that is away or
// slow costs log lines, never a blocked shim or SIGPIPE.
UniqueFd OpenLog() {
  UniqueFd log(::open("log", O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (!log) log.reset(::open("log", O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600));
  return log;
}

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

void InitLog(const DaemonOptions& options, int fd) {
  log::Options log_options{
      .level = log::Level::kInfo, .format = log::Format::kText, .fd = fd, .component = "shim"};
  // A configuration that cannot be read is reported by Create, where its text reaches the user.
  if (absl::StatusOr<Config> config = LoadConfig(options.options, Environment("KATA_CC_CONFIG"));
      config.ok()) {
    log_options.level = config->log.level;
    log_options.format = config->log.format;
  }
  if (options.debug) log_options.level = log::Level::kDebug;
  log::Init(log_options);
}

// A shim is many small threads that seldom run at the same time: one arena, memory given back early.
void TuneMemory() {
  ::mallopt(M_ARENA_MAX, 1);
  ::mallopt(M_TRIM_THRESHOLD, 64 << 10);
  ::mallopt(M_MMAP_THRESHOLD, 64 << 10);
}

UniqueFd BlockSignals() {
  ::signal(SIGPIPE, SIG_IGN);
  sigset_t signals;
  ::sigemptyset(&signals);
  ::sigaddset(&signals, SIGTERM);
  ::sigaddset(&signals, SIGINT);
  ::sigaddset(&signals, SIGHUP);
  ::sigprocmask(SIG_BLOCK, &signals, nullptr);
  return UniqueFd(::signalfd(-1, &signals, SFD_CLOEXEC));
}

// Returns when one of the descriptors is readable; a hangup signal changes nothing.
void WaitForEnd(int signals, int shutdown) {
  while (true) {
    std::array<pollfd, 2> polled{
        {{.fd = signals, .events = POLLIN, .revents = 0}, {.fd = shutdown, .events = POLLIN, .revents = 0}}};
    if (::poll(polled.data(), polled.size(), -1) < 0 && errno != EINTR) return;
    if (polled[1].revents != 0) return;
    if (polled[0].revents == 0) continue;
    signalfd_siginfo info{};
    if (::read(signals, &info, sizeof(info)) != sizeof(info)) return;
    log::Info("signal", {{"number", info.ssi_signo}});
    if (info.ssi_signo != SIGHUP) return;
  }
}

}  // namespace

int RunDaemon(const DaemonOptions& options, UniqueFd listener, const vmm::Registry& backends) {
  const auto started = std::chrono::steady_clock::now();
  TuneMemory();
  const UniqueFd signals = BlockSignals();
  const UniqueFd log_fd = OpenLog();
  InitLog(options, log_fd.get());
  log::Info("shim started",
            {{"sandbox", options.id}, {"namespace", options.namespace_name}, {"pid", ::getpid()}, {"ms", 0}});
  const UniqueFd end(::eventfd(0, EFD_CLOEXEC));
  const auto request_end = [fd = end.get()] {
    const uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(fd, &one, sizeof(one));
  };

  const auto events = std::make_shared<EventPublisher>(options.namespace_name,
                                                       EventPublisher::ForwardTo(options.ttrpc_address));
  const auto pod = std::make_shared<Pod>(PodOptions{.daemon = options,
                                                    .config_environment = Environment("KATA_CC_CONFIG"),
                                                    .backends = &backends,
                                                    .events = events,
                                                    .started = started,
                                                    .on_abandoned = request_end});
  ttrpc::Server server;
  RegisterTaskService(server, pod, request_end);
  RegisterSandboxService(server, pod, request_end);
  absl::StatusOr<Thread> acceptor = Thread::Start("accept", [&] {
    const absl::Status status = server.Serve(listener.get());
    if (!status.ok()) {
      log::Error("not serving any more", {{"error", status}});
      request_end();
    }
  });
  if (acceptor.ok()) {
    WaitForEnd(signals.get(), end.get());
  } else {
    log::Error("cannot serve", {{"error", acceptor.status()}});
  }

  // First the pod: calls such as Wait return with what became of their processes.
  pod->Stop();
  events->Close();
  ::unlink(options.socket_path.c_str());
  log::Info("shim ends");
  // Detached threads may still be on their way out of a call; nothing they could do matters now.
  ::_exit(0);
}

}  // namespace cc::shim
