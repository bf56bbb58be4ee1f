// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/server.h"

#include <fcntl.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/server_posix.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "base/log.h"
#include "base/socket.h"
#include "base/status.h"

namespace cc::snapshotter {
namespace {

// containerd opens one connection and sends few calls at a time.
constexpr int kMaxThreads = 12;
constexpr std::chrono::seconds kGrace{2};

bool IsTrusted(int fd) {
  ucred peer{};
  socklen_t size = sizeof(peer);
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return false;
  if (peer.uid == 0 || peer.uid == ::geteuid()) return true;
  log::Warning("a connection was refused", {{"uid", peer.uid}, {"pid", peer.pid}});
  return false;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Start(Listener listener, grpc::Service& service) {
  grpc::ServerBuilder builder;
  builder.RegisterService(&service);
  builder.SetResourceQuota(grpc::ResourceQuota("snapshotter").SetMaxThreads(kMaxThreads));
  builder.SetSyncServerOption(grpc::ServerBuilder::SyncServerOption::NUM_CQS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::SyncServerOption::MAX_POLLERS, 1);
  std::unique_ptr<grpc::Server> grpc_server = builder.BuildAndStart();
  if (grpc_server == nullptr) return absl::InternalError("gRPC server did not start");
  CC_ASSIGN_OR_RETURN(std::unique_ptr<EventLoop> loop, EventLoop::Create());
  std::unique_ptr<Server> server(new Server(std::move(listener), std::move(loop), std::move(grpc_server)));
  CC_RETURN_IF_ERROR(server->loop_->Add(server->listener_->fd(), EPOLLIN,
                                        [raw = server.get()](uint32_t) { raw->AcceptOne(); }));
  CC_ASSIGN_OR_RETURN(server->thread_, Thread::Start(
                                           "accept", [raw = server.get()] { raw->loop_->Run(); }, 1 << 20));
  return server;
}

void Server::AcceptOne() {
  absl::StatusOr<UniqueFd> peer = Accept(listener_->fd());
  if (!peer.ok()) {
    // Out of descriptors, say: others may come free.
    log::Error("cannot accept a connection", {{"status", peer.status()}});
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    return;
  }
  if (!IsTrusted(peer->get())) return;
  // gRPC owns the descriptor from here on and wants it non-blocking.
  ::fcntl(peer->get(), F_SETFL, ::fcntl(peer->get(), F_GETFL) | O_NONBLOCK);
  grpc::AddInsecureChannelFromFd(server_.get(), peer->release());
}

void Server::Stop() {
  if (!listener_.has_value()) return;
  loop_->Stop();
  thread_.Join();
  listener_.reset();
  server_->Shutdown(std::chrono::system_clock::now() + kGrace);
  server_->Wait();
}

Server::~Server() { Stop(); }

}  // namespace cc::snapshotter
