// SPDX-License-Identifier: Apache-2.0
#include "http/timed_socket.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>

#include "base/status.h"

namespace cc::http {

absl::Status TimedSocket::WaitFor(short events) const {
  while (true) {
    const int64_t left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline_ - std::chrono::steady_clock::now()).count();
    if (left <= 0) return absl::DeadlineExceededError("the peer is too slow");
    pollfd poll_fd{.fd = fd_, .events = events, .revents = 0};
    const int count = ::poll(&poll_fd, 1, static_cast<int>(std::min<int64_t>(left, 60000)));
    if (count > 0) return absl::OkStatus();
    if (count < 0 && errno != EINTR) return ErrnoStatus(errno, "wait for a peer");
  }
}

absl::StatusOr<size_t> TimedSocket::Read(char* data, size_t size) const {
  while (true) {
    const ssize_t count = ::recv(fd_, data, size, MSG_DONTWAIT);
    if (count >= 0) return static_cast<size_t>(count);
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return ErrnoStatus(errno, "read from a peer");
    CC_RETURN_IF_ERROR(WaitFor(POLLIN));
  }
}

absl::StatusOr<size_t> TimedSocket::Write(const char* data, size_t size) const {
  while (true) {
    const ssize_t count = ::send(fd_, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count >= 0) return static_cast<size_t>(count);
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return ErrnoStatus(errno, "write to a peer");
    CC_RETURN_IF_ERROR(WaitFor(POLLOUT));
  }
}

}  // namespace cc::http
