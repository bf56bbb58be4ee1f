// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/server.h"

#include <fcntl.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/server_posix.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <thread>

#include "base/log.h"
#include "base/socket.h"
#include "base/status.h"
#include "base/strings.h"

namespace cc::snapshotter {
namespace {

// containerd opens one connection and sends few calls at a time.
constexpr int kMaxThreads = 12;
constexpr std::chrono::seconds kGrace{2};

absl::Status PrepareDirectory(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos || slash == 0) {
    return absl::InvalidArgumentError(
        StrCat("socket ", path, " must have an absolute path in a directory of its own"));
  }
  const std::string dir = path.substr(0, slash);
  if (::mkdir(dir.c_str(), 0700) != 0 && errno != EEXIST) {
    return ErrnoStatus(errno, StrCat("make directory ", dir));
  }
  struct stat info {};
  if (::lstat(dir.c_str(), &info) != 0) return ErrnoStatus(errno, StrCat("look at ", dir));
  if (!S_ISDIR(info.st_mode) || info.st_uid != ::geteuid() || (info.st_mode & 077) != 0) {
    return absl::FailedPreconditionError(StrCat(
        dir, " must be a directory of this user with mode 0700, as the socket in it controls containers"));
  }
  return absl::OkStatus();
}

bool IsTrusted(int fd) {
  ucred peer{};
  socklen_t size = sizeof(peer);
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return false;
  if (peer.uid == 0 || peer.uid == ::geteuid()) return true;
  log::Warning("a connection was refused", {{"uid", peer.uid}, {"pid", peer.pid}});
  return false;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const std::string& socket_path,
                                                      grpc::Service& service) {
  CC_RETURN_IF_ERROR(PrepareDirectory(socket_path));
  grpc::ServerBuilder builder;
  builder.RegisterService(&service);
  builder.SetResourceQuota(grpc::ResourceQuota("snapshotter").SetMaxThreads(kMaxThreads));
  builder.SetSyncServerOption(grpc::ServerBuilder::SyncServerOption::NUM_CQS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::SyncServerOption::MAX_POLLERS, 1);
  std::unique_ptr<grpc::Server> grpc_server = builder.BuildAndStart();
  if (grpc_server == nullptr) return absl::InternalError("gRPC server did not start");
  CC_ASSIGN_OR_RETURN(UniqueFd listener, ListenUnix(socket_path, 0600));
  std::unique_ptr<Server> server(new Server(socket_path, std::move(listener), std::move(grpc_server)));
  CC_ASSIGN_OR_RETURN(server->thread_, Thread::Start(
                                           "accept", [raw = server.get()] { raw->AcceptLoop(); }, 1 << 20));
  return server;
}

void Server::AcceptLoop() {
  while (true) {
    absl::StatusOr<UniqueFd> peer = Accept(listener_.get());
    if (absl::IsCancelled(peer.status())) return;
    if (!peer.ok()) {
      // Out of descriptors, say: others may come free.
      log::Error("cannot accept a connection", {{"status", peer.status()}});
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
      continue;
    }
    if (!IsTrusted(peer->get())) continue;
    // gRPC owns the descriptor from here on and wants it non-blocking.
    ::fcntl(peer->get(), F_SETFL, ::fcntl(peer->get(), F_GETFL) | O_NONBLOCK);
    grpc::AddInsecureChannelFromFd(server_.get(), peer->release());
  }
}

void Server::Stop() {
  if (!listener_) return;
  ::shutdown(listener_.get(), SHUT_RDWR);
  thread_.Join();
  ::unlink(path_.c_str());
  listener_.reset();
  server_->Shutdown(std::chrono::system_clock::now() + kGrace);
  server_->Wait();
}

Server::~Server() { Stop(); }

}  // namespace cc::snapshotter
