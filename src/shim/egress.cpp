// SPDX-License-Identifier: Apache-2.0
#include "shim/egress.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <mutex>
#include <set>

#include "base/log.h"
#include "base/socket.h"
#include "base/status.h"
#include "base/strings.h"
#include "shim/relay.h"
#include "shim/socks.h"

namespace cc::shim {

struct Egress::State {
  UniqueFd listener;
  std::shared_ptr<const EgressRules> rules;
  std::mutex mutex;
  bool stopping = false;
  std::set<int> sockets;  // of live connections, both sides; shut down by Stop
  size_t connections = 0;

  // False when stopping: the socket must not be used.
  bool Enter(int socket) {
    const std::lock_guard lock(mutex);
    if (stopping) return false;
    sockets.insert(socket);
    return true;
  }
  void Leave(int socket) {
    const std::lock_guard lock(mutex);
    sockets.erase(socket);
  }
};

namespace {

constexpr std::chrono::seconds kHandshakeTimeout{10};
constexpr int kConnectTimeoutSeconds = 15;

absl::StatusOr<UniqueFd> ConnectTcp(const SocksTarget& target) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* raw = nullptr;
  const int error = ::getaddrinfo(target.host.c_str(), std::to_string(target.port).c_str(), &hints, &raw);
  if (error != 0) return absl::NotFoundError(StrCat("resolve ", target.host, ": ", ::gai_strerror(error)));
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> list(raw, ::freeaddrinfo);
  absl::Status status = absl::NotFoundError(StrCat(target.host, " has no address"));
  for (const addrinfo* it = list.get(); it != nullptr; it = it->ai_next) {
    UniqueFd fd(::socket(it->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!fd) return ErrnoStatus(errno, "create socket");
    // On Linux SO_SNDTIMEO also bounds connect(2).
    timeval timeout{.tv_sec = kConnectTimeoutSeconds, .tv_usec = 0};
    ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
    if (::connect(fd.get(), it->ai_addr, it->ai_addrlen) == 0) {
      timeout.tv_sec = 0;
      ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
      const int on = 1;
      ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
      return fd;
    }
    status = ErrnoStatus(errno == EINPROGRESS ? ETIMEDOUT : errno,
                         StrCat("connect to ", target.host, ":", target.port));
  }
  return status;
}

SocksReply ReplyFor(const absl::Status& status) {
  if (status.code() == absl::StatusCode::kUnavailable) return SocksReply::kConnectionRefused;
  if (status.code() == absl::StatusCode::kNotFound) return SocksReply::kHostUnreachable;
  return SocksReply::kFailure;
}

template <typename State>
void ServeConnection(State& state, int guest) {
  absl::StatusOr<SocksTarget> target = ReadSocksRequest(guest, kHandshakeTimeout);
  if (!target.ok()) {
    log::Warning("egress request refused", {{"error", target.status()}});
    return;
  }
  if (!state.rules->Allows(target->host, target->port)) {
    log::Warning("egress refused: no registry of this pod's images; see image.egress_hosts",
                 {{"host", target->host}, {"port", target->port}});
    SendSocksReply(guest, SocksReply::kNotAllowed).IgnoreError();
    return;
  }
  absl::StatusOr<UniqueFd> server = ConnectTcp(*target);
  if (!server.ok()) {
    log::Warning("egress failed", {{"error", server.status()}});
    SendSocksReply(guest, ReplyFor(server.status())).IgnoreError();
    return;
  }
  log::Debug("egress connected", {{"host", target->host}, {"port", target->port}});
  if (state.Enter(server->get())) {
    if (SendSocksReply(guest, SocksReply::kSucceeded).ok()) RelayIdleFree(guest, server->get());
    state.Leave(server->get());
  }
}

}  // namespace

Egress::Egress(UniqueFd listener, std::shared_ptr<const EgressRules> rules)
    : state_(std::make_shared<State>()) {
  state_->listener = std::move(listener);
  state_->rules = std::move(rules);
}

Egress::~Egress() { Stop(); }

absl::Status Egress::Start() {
  CC_ASSIGN_OR_RETURN(acceptor_, Thread::Start("egress", [state = state_] {
                        while (true) {
                          absl::StatusOr<UniqueFd> guest = Accept(state->listener.get());
                          if (!guest.ok()) return;
                          {
                            std::unique_lock lock(state->mutex);
                            if (state->stopping) return;
                            if (state->connections >= kMaxEgressConnections) {
                              log::Warning("egress connection refused: too many at once");
                              continue;
                            }
                            ++state->connections;
                          }
                          absl::StatusOr<Thread> worker =
                              Thread::Start("egress-conn", [state, fd = std::move(*guest)]() mutable {
                                if (state->Enter(fd.get())) {
                                  ServeConnection(*state, fd.get());
                                  state->Leave(fd.get());
                                }
                                fd.reset();
                                const std::lock_guard lock(state->mutex);
                                --state->connections;
                              });
                          if (worker.ok()) {
                            worker->Detach();
                          } else {
                            const std::lock_guard lock(state->mutex);
                            --state->connections;
                          }
                        }
                      }));
  return absl::OkStatus();
}

void Egress::Stop() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
    ::shutdown(state_->listener.get(), SHUT_RDWR);
    for (int socket : state_->sockets) ::shutdown(socket, SHUT_RDWR);
  }
  acceptor_.Join();
}

}  // namespace cc::shim
