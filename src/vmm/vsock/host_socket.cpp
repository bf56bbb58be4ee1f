// SPDX-License-Identifier: Apache-2.0
#include "vmm/vsock/host_socket.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/log.h"
#include "base/socket.h"
#include "base/status.h"
#include "base/strings.h"

namespace cc::vmm::vsock {
namespace {

constexpr size_t kMaxLine = 32;

// Of anything: the process may be unable to open files.
UniqueFd SpareDescriptor(const UniqueFd& any) { return UniqueFd(::fcntl(any.get(), F_DUPFD_CLOEXEC, 0)); }

}  // namespace

std::string PortPath(const std::string& path, uint32_t port) { return StrCat(path, "_", port); }

absl::StatusOr<UniqueFd> ConnectPort(const std::string& path, uint32_t port) {
  const std::string name = PortPath(path, port);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (name.size() >= sizeof(address.sun_path)) {
    return absl::InvalidArgumentError(StrCat("socket path ", name, " is too long"));
  }
  std::memcpy(address.sun_path, name.data(), name.size());
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return ErrnoStatus(errno, "create a socket");
  // SAFETY: the sockets API takes every address family through sockaddr*.
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return absl::UnavailableError(StrCat("nobody accepts connections on ", name));
  }
  return socket;
}

std::optional<uint32_t> ParseConnect(std::string_view line) {
  const SplitPair pair = SplitOnce(line, ' ');
  uint32_t port = 0;
  if (!pair.found || (pair.first != "CONNECT" && pair.first != "connect")) return std::nullopt;
  if (!ParseNumber(pair.second, &port)) return std::nullopt;
  return port;
}

absl::StatusOr<std::unique_ptr<HostListener>> HostListener::Create(EventLoop* loop, const std::string& path,
                                                                   Callback callback) {
  CC_ASSIGN_OR_RETURN(UniqueFd listener, ListenUnix(path));
  if (::fcntl(listener.get(), F_SETFL, O_NONBLOCK) != 0) return ErrnoStatus(errno, StrCat("prepare ", path));
  std::unique_ptr<HostListener> result(
      new HostListener(loop, path, std::move(listener), std::move(callback)));
  HostListener* self = result.get();
  CC_RETURN_IF_ERROR(loop->Add(self->listener_.get(), EPOLLIN, [self](uint32_t) { self->AcceptAll(); }));
  return result;
}

HostListener::HostListener(EventLoop* loop, std::string path, UniqueFd listener, Callback callback)
    : loop_(loop),
      path_(std::move(path)),
      listener_(std::move(listener)),
      callback_(std::move(callback)),
      spare_(SpareDescriptor(listener_)) {}

HostListener::~HostListener() {
  loop_->Remove(listener_.get());
  while (!waiting_.empty()) Take(waiting_.begin()->first);
  ::unlink(path_.c_str());
}

void HostListener::AcceptAll() {
  while (true) {
    UniqueFd client(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!client) {
      if (errno == EINTR || errno == ECONNABORTED) continue;
      if ((errno != EMFILE && errno != ENFILE) || !spare_) return;
      // Out of descriptors. A client left in the queue would wake us for ever, so it is closed at once.
      spare_.reset();
      const bool closed = UniqueFd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)).valid();
      spare_ = SpareDescriptor(listener_);
      if (!closed) return;  // nobody was waiting after all
      continue;
    }
    if (waiting_.size() >= kMaxWaiting) Take(waiting_.begin()->first);
    const uint64_t id = next_id_++;
    const int fd = client.get();
    waiting_.emplace(id, std::move(client));
    const absl::Status added = loop_->Add(fd, EPOLLIN | EPOLLET, [this, id](uint32_t) { ReadLine(id); });
    if (!added.ok()) {
      log::Warning("vsock client dropped", {{"error", added}});
      waiting_.erase(id);
      continue;
    }
    ReadLine(id);  // most send it at once: a burst of clients must not push each other out
  }
}

UniqueFd HostListener::Take(uint64_t id) {
  const auto found = waiting_.find(id);
  UniqueFd socket = std::move(found->second);
  waiting_.erase(found);
  loop_->Remove(socket.get());
  return socket;
}

void HostListener::ReadLine(uint64_t id) {
  const int fd = waiting_.at(id).get();
  std::array<char, kMaxLine> buffer;
  const ssize_t n = ::recv(fd, buffer.data(), buffer.size(), MSG_PEEK);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) {
    Take(id);
    return;
  }
  const std::string_view seen(buffer.data(), static_cast<size_t>(n));
  const size_t end = seen.find('\n');
  if (end == std::string_view::npos) {
    if (seen.size() == kMaxLine) Take(id);
    return;  // the rest of the line is another event
  }
  const std::optional<uint32_t> port = ParseConnect(seen.substr(0, end));
  UniqueFd socket = Take(id);
  std::array<char, kMaxLine> line;
  if (!port.has_value() || ::recv(socket.get(), line.data(), end + 1, 0) != static_cast<ssize_t>(end + 1)) {
    return;
  }
  callback_(std::move(socket), *port);
}

}  // namespace cc::vmm::vsock
