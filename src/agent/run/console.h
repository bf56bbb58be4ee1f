// SPDX-License-Identifier: Apache-2.0
// The socket by which crun hands over the master of a container's terminal (SCM_RIGHTS).
#ifndef CC_AGENT_RUN_CONSOLE_H_
#define CC_AGENT_RUN_CONSOLE_H_

#include <string>

#include "absl/status/statusor.h"
#include "base/unique_fd.h"

namespace cc::agent {

class ConsoleSocket {
 public:
  // `path` must be short enough for a unix socket; it is removed when the object goes.
  static absl::StatusOr<ConsoleSocket> Create(std::string path);
  ConsoleSocket(ConsoleSocket&& other) noexcept = default;
  ConsoleSocket& operator=(ConsoleSocket&& other) = delete;
  ~ConsoleSocket();

  const std::string& path() const { return path_; }

  // Call after crun has ended with success: the descriptor is then already waiting here. FailedPrecondition
  // when it is not, or is no terminal.
  absl::StatusOr<UniqueFd> Receive();

 private:
  ConsoleSocket(std::string path, UniqueFd listener)
      : path_(std::move(path)), listener_(std::move(listener)) {}
  std::string path_;
  UniqueFd listener_;
};

}  // namespace cc::agent

#endif  // CC_AGENT_RUN_CONSOLE_H_
