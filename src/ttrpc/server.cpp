// SPDX-License-Identifier: Apache-2.0
#include "ttrpc/server.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <condition_variable>
#include <mutex>

#include "base/log.h"
#include "base/status.h"
#include "ttrpc/connection.h"

namespace cc::ttrpc {
namespace {

// How long Shutdown lets handlers that it cancelled write their answers before connections are closed.
constexpr std::chrono::seconds kGrace{2};
// Pause when the process is out of descriptors or memory; nothing tells when that is over.
constexpr int kAcceptRetryMs = 100;

}  // namespace

struct Server::State {
  State() : stop(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

  absl::Status Accept(int listener);
  void RunConnection(const std::shared_ptr<Connection>& connection);
  bool Add(const std::shared_ptr<Connection>& connection);
  void Remove(const std::shared_ptr<Connection>& connection);
  // Waits for `stop`; false when `ms` passed first.
  bool WaitStop(int ms) const;

  const UniqueFd stop;  // readable from Shutdown on
  ServerParts parts;

  std::mutex mutex;
  bool stopping = false;
  std::vector<std::shared_ptr<Connection>> connections;
};

Server::Server() : state_(std::make_shared<State>()) {}

Server::~Server() { Shutdown(); }

void Server::Add(std::string_view service, std::string_view method, std::string request_type,
                 RawHandler handler) {
  state_->parts.services.Add(service, method, {std::move(request_type), std::move(handler)});
}

void Server::SetInterceptor(Interceptor interceptor) {
  state_->parts.services.SetInterceptor(std::move(interceptor));
}

absl::Status Server::Serve(int listener) {
  const std::shared_ptr<State> state = state_;
  if (!state->stop) return absl::ResourceExhaustedError("serve ttrpc: no eventfd could be made");
  return state->Accept(listener);
}

void Server::ServeConnection(UniqueFd connection) {
  const std::shared_ptr<State> state = state_;
  state->RunConnection(std::make_shared<Connection>(std::move(connection), state->parts));
}

void Server::Shutdown() {
  std::vector<std::shared_ptr<Connection>> connections;
  {
    std::lock_guard lock(state_->mutex);
    state_->stopping = true;
    connections = state_->connections;
  }
  ::eventfd_write(state_->stop.get(), 1);
  for (const std::shared_ptr<Connection>& connection : connections) connection->StopReading();
  // A handler cannot wait for itself; the destructor does the rest.
  if (state_->parts.workers.IsWorker()) return;
  state_->parts.workers.Stop(kGrace);
  for (const std::shared_ptr<Connection>& connection : connections) connection->Close();
  state_->parts.workers.Stop();
}

absl::Status Server::State::Accept(int listener) {
  // A client that gave up between poll and accept must not leave us blocked in accept.
  const int flags = ::fcntl(listener, F_GETFL);
  if (flags < 0 || ::fcntl(listener, F_SETFL, flags | O_NONBLOCK) != 0) {
    return ErrnoStatus(errno, "serve ttrpc: make the listener non-blocking");
  }
  while (true) {
    std::array<pollfd, 2> entries{{{.fd = stop.get(), .events = POLLIN, .revents = 0},
                                   {.fd = listener, .events = POLLIN, .revents = 0}}};
    if (::poll(entries.data(), entries.size(), -1) < 0 && errno != EINTR) return ErrnoStatus(errno, "poll");
    if (entries[0].revents != 0) return absl::OkStatus();
    if (entries[1].revents == 0) continue;
    UniqueFd fd(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
    if (!fd) {
      const int error = errno;
      if (error == EINTR || error == EAGAIN || error == ECONNABORTED || error == ECONNRESET) continue;
      if (error != EMFILE && error != ENFILE && error != ENOBUFS && error != ENOMEM) {
        return ErrnoStatus(error, "serve ttrpc: accept");
      }
      log::Warning("ttrpc connection waits", {{"cause", ErrnoStatus(error, "accept")}});
      if (WaitStop(kAcceptRetryMs)) return absl::OkStatus();
      continue;
    }
    auto connection = std::make_shared<Connection>(std::move(fd), parts);
    const absl::Status started = parts.workers.Run([this, connection] { RunConnection(connection); });
    if (!started.ok()) log::Error("ttrpc connection refused", {{"cause", started}});
  }
}

void Server::State::RunConnection(const std::shared_ptr<Connection>& connection) {
  if (!Add(connection)) return;
  connection->Run();
  Remove(connection);
}

bool Server::State::Add(const std::shared_ptr<Connection>& connection) {
  std::lock_guard lock(mutex);
  if (!stopping) connections.push_back(connection);
  return !stopping;
}

void Server::State::Remove(const std::shared_ptr<Connection>& connection) {
  std::lock_guard lock(mutex);
  std::erase(connections, connection);
}

bool Server::State::WaitStop(int ms) const {
  pollfd entry{.fd = stop.get(), .events = POLLIN, .revents = 0};
  return ::poll(&entry, 1, ms) > 0;
}

}  // namespace cc::ttrpc
