// SPDX-License-Identifier: Apache-2.0
// Owner of one file descriptor; closes it when destroyed. Move-only.
#ifndef CC_BASE_UNIQUE_FD_H_
#define CC_BASE_UNIQUE_FD_H_

#include <unistd.h>

#include <utility>

namespace cc {

class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.release()) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    reset(other.release());
    return *this;
  }
  ~UniqueFd() { reset(); }

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  explicit operator bool() const { return valid(); }

  // Gives up ownership.
  int release() { return std::exchange(fd_, -1); }

  void reset(int fd = -1) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
  }

 private:
  int fd_ = -1;
};

}  // namespace cc

#endif  // CC_BASE_UNIQUE_FD_H_
