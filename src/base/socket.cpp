// SPDX-License-Identifier: Apache-2.0
#include "base/socket.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

// After sys/socket.h: it needs sa_family_t.
#include <linux/vm_sockets.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <thread>

#include "base/status.h"
#include "base/strings.h"

namespace cc {
namespace {

constexpr int kBacklog = 64;

absl::StatusOr<sockaddr_un> UnixAddress(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    return absl::InvalidArgumentError(StrCat("socket path ", path, " is longer than ",
                                             sizeof(address.sun_path) - 1,
                                             " bytes; use a shorter directory"));
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

absl::StatusOr<UniqueFd> NewSocket(int family) {
  UniqueFd fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return ErrnoStatus(errno, "create socket");
  return fd;
}

// SAFETY: the sockets API takes every address family through sockaddr*.
template <typename Address>
const sockaddr* AsSockaddr(const Address& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

// One direction of a relay. Passes the end of the stream on as a half-close.
void Pump(int from, int to) {
  std::array<char, 65536> buffer;
  while (true) {
    const ssize_t n = ::recv(from, buffer.data(), buffer.size(), 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    if (!SendFull(to, std::string_view(buffer.data(), static_cast<size_t>(n))).ok()) {
      ::shutdown(from, SHUT_RD);
      break;
    }
  }
  ::shutdown(to, SHUT_WR);
}

}  // namespace

absl::StatusOr<UniqueFd> ListenUnix(const std::string& path, unsigned mode) {
  CC_ASSIGN_OR_RETURN(const sockaddr_un address, UnixAddress(path));
  CC_ASSIGN_OR_RETURN(UniqueFd fd, NewSocket(AF_UNIX));
  struct stat st;
  if (::lstat(path.c_str(), &st) == 0 && S_ISSOCK(st.st_mode)) ::unlink(path.c_str());
  // The mode of the inode is set before bind: no moment at which others could connect.
  if (::fchmod(fd.get(), mode) != 0 || ::bind(fd.get(), AsSockaddr(address), sizeof(address)) != 0 ||
      ::listen(fd.get(), kBacklog) != 0) {
    return ErrnoStatus(errno, StrCat("listen on ", path));
  }
  if (::chmod(path.c_str(), mode) != 0) return ErrnoStatus(errno, StrCat("set mode of ", path));
  return fd;
}

absl::StatusOr<UniqueFd> ConnectUnix(const std::string& path) {
  CC_ASSIGN_OR_RETURN(const sockaddr_un address, UnixAddress(path));
  CC_ASSIGN_OR_RETURN(UniqueFd fd, NewSocket(AF_UNIX));
  if (::connect(fd.get(), AsSockaddr(address), sizeof(address)) != 0) {
    return ErrnoStatus(errno, StrCat("connect to ", path));
  }
  return fd;
}

absl::StatusOr<UniqueFd> ListenVsock(uint32_t port) {
  CC_ASSIGN_OR_RETURN(UniqueFd fd, NewSocket(AF_VSOCK));
  sockaddr_vm address{};
  address.svm_family = AF_VSOCK;
  address.svm_cid = VMADDR_CID_ANY;
  address.svm_port = port;
  if (::bind(fd.get(), AsSockaddr(address), sizeof(address)) != 0 || ::listen(fd.get(), kBacklog) != 0) {
    return ErrnoStatus(errno, StrCat("listen on vsock port ", port));
  }
  return fd;
}

absl::StatusOr<UniqueFd> ConnectVsock(uint32_t cid, uint32_t port) {
  CC_ASSIGN_OR_RETURN(UniqueFd fd, NewSocket(AF_VSOCK));
  sockaddr_vm address{};
  address.svm_family = AF_VSOCK;
  address.svm_cid = cid;
  address.svm_port = port;
  if (::connect(fd.get(), AsSockaddr(address), sizeof(address)) != 0) {
    return ErrnoStatus(errno, StrCat("connect to vsock ", cid, ":", port));
  }
  return fd;
}

absl::StatusOr<UniqueFd> Accept(int listener) {
  while (true) {
    UniqueFd fd(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
    if (fd) return fd;
    // A shut down listener answers EINVAL.
    if (errno == EINVAL) return absl::CancelledError("listener was shut down");
    if (errno != EINTR && errno != ECONNABORTED) return ErrnoStatus(errno, "accept");
  }
}

absl::StatusOr<std::pair<UniqueFd, UniqueFd>> SocketPair() {
  std::array<int, 2> fds;
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()) != 0) {
    return ErrnoStatus(errno, "create socket pair");
  }
  return std::pair(UniqueFd(fds[0]), UniqueFd(fds[1]));
}

absl::Status SendFull(int fd, std::string_view data) {
  while (!data.empty()) {
    const ssize_t n = ::send(fd, data.data(), data.size(), MSG_NOSIGNAL);
    if (n < 0) {
      if (errno == EINTR) continue;
      return ErrnoStatus(errno, "send");
    }
    data.remove_prefix(static_cast<size_t>(n));
  }
  return absl::OkStatus();
}

void Relay(int a, int b) {
  std::thread back([a, b] { Pump(b, a); });
  Pump(a, b);
  back.join();
}

absl::Status WaitReadable(int fd, std::chrono::milliseconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  while (true) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd poll_fd{.fd = fd, .events = POLLIN, .revents = 0};
    const int n = ::poll(&poll_fd, 1, left.count() > 0 ? static_cast<int>(left.count()) : 0);
    if (n > 0) return absl::OkStatus();
    if (n == 0) return absl::DeadlineExceededError("nothing to read in time");
    if (errno != EINTR) return ErrnoStatus(errno, "poll");
  }
}

}  // namespace cc
