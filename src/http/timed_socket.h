// SPDX-License-Identifier: Apache-2.0
// A connected stream socket with a deadline that holds for everything until it is set anew: a peer that sends
// a byte now and then does not keep a thread.
#ifndef CC_HTTP_TIMED_SOCKET_H_
#define CC_HTTP_TIMED_SOCKET_H_

#include <chrono>
#include <cstddef>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace cc::http {

// Used by one thread at a time. Does not own the descriptor, which may be blocking or not.
class TimedSocket {
 public:
  explicit TimedSocket(int fd) : fd_(fd) {}

  void SetDeadline(std::chrono::milliseconds from_now) {
    deadline_ = std::chrono::steady_clock::now() + from_now;
  }

  // At least one byte; 0 is the end of the stream. DeadlineExceeded, or what the system says.
  absl::StatusOr<size_t> Read(char* data, size_t size) const;
  // At least one byte of `data`, without SIGPIPE.
  absl::StatusOr<size_t> Write(const char* data, size_t size) const;

  // Until the socket is ready for POLLIN or POLLOUT.
  absl::Status WaitFor(short events) const;

 private:
  const int fd_;
  std::chrono::steady_clock::time_point deadline_{};
};

}  // namespace cc::http

#endif  // CC_HTTP_TIMED_SOCKET_H_
