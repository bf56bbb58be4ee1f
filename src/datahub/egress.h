// SPDX-License-Identifier: Apache-2.0
// A way to registries for a guest without a network: a unix socket whose connections are carried over vsock
// to the shim's SOCKS5 endpoint. The shim forwards to the registries of the pod's images only and sees
// nothing but the guest's own TLS. The socket is private to the guest's root and in no container's view.
#ifndef CC_DATAHUB_EGRESS_H_
#define CC_DATAHUB_EGRESS_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "base/thread.h"
#include "base/unique_fd.h"

namespace cc::datahub {

// Whether the host listens for the guest's connections at all; asks it, which may take two seconds.
bool HostCarriesEgress();

class EgressProxy {
 public:
  static absl::StatusOr<std::unique_ptr<EgressProxy>> Start(const std::string& socket_path);
  // Takes no more connections; those that exist go on until one of their ends closes.
  ~EgressProxy();

 private:
  explicit EgressProxy(UniqueFd listener) : listener_(std::move(listener)) {}
  void AcceptAll() const;

  UniqueFd listener_;
  Thread thread_;
};

}  // namespace cc::datahub

#endif  // CC_DATAHUB_EGRESS_H_
