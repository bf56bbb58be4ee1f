// SPDX-License-Identifier: Apache-2.0
#include "shim/relay.h"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <string>
#include <string_view>

namespace cc::shim {
namespace {

constexpr size_t kBuffer = 64 << 10;
constexpr int kIdleMilliseconds = 1000;

class Direction {
 public:
  Direction(int from, int to) : from_(from), to_(to) {}

  bool done() const { return shut_; }
  bool holds_memory() const { return buffer_.capacity() >= kBuffer; }
  void FreeMemory() {
    if (pending_.empty()) std::string().swap(buffer_);
  }

  pollfd Wanted() const {
    if (shut_) return {.fd = -1, .events = 0, .revents = 0};
    if (pending_.empty()) return {.fd = from_, .events = POLLIN, .revents = 0};
    return {.fd = to_, .events = POLLOUT, .revents = 0};
  }

  // False when a side has failed.
  bool Move() {
    if (pending_.empty()) {
      buffer_.resize(kBuffer);
      const ssize_t n = ::recv(from_, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
      if (n < 0) return errno == EAGAIN || errno == EINTR;
      if (n == 0) {
        shut_ = true;
        return ::shutdown(to_, SHUT_WR) == 0;
      }
      pending_ = std::string_view(buffer_).substr(0, static_cast<size_t>(n));
    }
    const ssize_t n = ::send(to_, pending_.data(), pending_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0) return errno == EAGAIN || errno == EINTR;
    pending_.remove_prefix(static_cast<size_t>(n));
    return true;
  }

 private:
  int from_;
  int to_;
  std::string buffer_;
  std::string_view pending_;  // into buffer_
  bool shut_ = false;
};

}  // namespace

void RelayIdleFree(int a, int b) {
  Direction forth(a, b);
  Direction back(b, a);
  while (!forth.done() || !back.done()) {
    std::array<pollfd, 2> polled{forth.Wanted(), back.Wanted()};
    const bool memory = forth.holds_memory() || back.holds_memory();
    const int n = ::poll(polled.data(), polled.size(), memory ? kIdleMilliseconds : -1);
    if (n < 0 && errno != EINTR) return;
    if (n == 0) {
      forth.FreeMemory();
      back.FreeMemory();
    }
    if (n <= 0) continue;
    if (polled[0].revents != 0 && !forth.Move()) break;
    if (polled[1].revents != 0 && !back.Move()) break;
  }
  // After a failure the other side must not wait for more.
  ::shutdown(a, SHUT_RDWR);
  ::shutdown(b, SHUT_RDWR);
}

}  // namespace cc::shim
