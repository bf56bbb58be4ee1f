// SPDX-License-Identifier: Apache-2.0
// The socket that containerd connects to: made here, or by systemd before us (socket activation). systemd
// keeps its socket open while the service restarts: a connection then waits for the new process, where a
// refused one would make containerd's client pause for seconds. That client waits about a second for a server
// to speak.
#ifndef CC_SNAPSHOTTER_LISTENER_H_
#define CC_SNAPSHOTTER_LISTENER_H_

#include <string>

#include "absl/status/statusor.h"
#include "base/unique_fd.h"

namespace cc::snapshotter {

// Move-only. Removes the socket's path at its end if it made it. Thread-compatible.
class Listener {
 public:
  // Descriptor 3 when $LISTEN_PID is this process (protocol of sd_listen_fds(3)): one listening unix socket,
  // at `path` or the call fails with FailedPrecondition. Else a new socket of mode 0600 at `path`, its
  // directory made when absent. Both ways FailedPrecondition when the directory is open to others.
  static absl::StatusOr<Listener> Open(const std::string& path);

  Listener(Listener&& other) noexcept = default;
  Listener& operator=(Listener&& other) = delete;
  ~Listener();

  int fd() const { return fd_.get(); }
  const std::string& path() const { return path_; }
  bool inherited() const { return inherited_; }

 private:
  Listener(UniqueFd fd, std::string path, bool inherited)
      : fd_(std::move(fd)), path_(std::move(path)), inherited_(inherited) {}

  UniqueFd fd_;
  std::string path_;
  bool inherited_;
};

}  // namespace cc::snapshotter

#endif  // CC_SNAPSHOTTER_LISTENER_H_
