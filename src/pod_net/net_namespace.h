// SPDX-License-Identifier: Apache-2.0
// A network namespace of a pod: one that somebody else made, by its path, or a new one. Only threads of ours
// enter it, never the process: the shim's own sockets stay where containerd is.
#ifndef CC_POD_NET_NET_NAMESPACE_H_
#define CC_POD_NET_NET_NAMESPACE_H_

#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/unique_fd.h"

namespace cc::pod_net {

class NetNamespace {
 public:
  // NotFound when there is nothing at the path, InvalidArgument for what is no network namespace,
  // FailedPrecondition for the one that this process is in: a guest never gets the host's network.
  static absl::StatusOr<NetNamespace> Open(const std::string& path);

  // A new one, with its loopback up. It has no name: it lives as long as this object, a process or a socket
  // in it, so nothing is left to remove after a crash.
  static absl::StatusOr<NetNamespace> Make();

  int fd() const { return fd_.get(); }

  // Differs between two namespaces that have had the same path.
  const std::string& identity() const { return identity_; }

  // Runs `body` on a thread of its own inside the namespace and returns its status. Sockets and taps that are
  // opened there stay in the namespace.
  absl::Status Run(absl::AnyInvocable<absl::Status()> body) const;

 private:
  NetNamespace(UniqueFd fd, std::string identity) : fd_(std::move(fd)), identity_(std::move(identity)) {}

  UniqueFd fd_;
  std::string identity_;
};

}  // namespace cc::pod_net

#endif  // CC_POD_NET_NET_NAMESPACE_H_
