// SPDX-License-Identifier: Apache-2.0
// A one-way switch that poll(2) can wait for: once set it stays readable. Thread-safe.
#ifndef CC_AGENT_RUN_LATCH_H_
#define CC_AGENT_RUN_LATCH_H_

#include <sys/eventfd.h>

#include <cerrno>
#include <memory>

#include "absl/status/statusor.h"
#include "base/status.h"
#include "base/unique_fd.h"

namespace cc::agent {

class Latch {
 public:
  static absl::StatusOr<std::shared_ptr<Latch>> Create() {
    UniqueFd fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!fd) return ErrnoStatus(errno, "create eventfd");
    return std::shared_ptr<Latch>(new Latch(std::move(fd)));
  }

  void Set() { ::eventfd_write(fd_.get(), 1); }
  int fd() const { return fd_.get(); }

 private:
  explicit Latch(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

}  // namespace cc::agent

#endif  // CC_AGENT_RUN_LATCH_H_
