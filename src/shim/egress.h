// SPDX-License-Identifier: Apache-2.0
// The guest's way to its image registries when the pod has no network: a SOCKS5 proxy on a vsock port,
// limited by EgressRules. TLS stays end to end between guest and registry.
#ifndef CC_SHIM_EGRESS_H_
#define CC_SHIM_EGRESS_H_

#include <memory>

#include "absl/status/status.h"
#include "base/thread.h"
#include "base/unique_fd.h"
#include "shim/egress_rules.h"

namespace cc::shim {

inline constexpr size_t kMaxEgressConnections = 64;

// Thread-safe.
class Egress {
 public:
  // `listener` receives the guest's connections.
  Egress(UniqueFd listener, std::shared_ptr<const EgressRules> rules);
  ~Egress();  // Stop

  absl::Status Start();
  // Takes no further connections and ends the live ones; a thread that is still resolving a name ends by
  // itself.
  void Stop();

 private:
  struct State;
  std::shared_ptr<State> state_;
  Thread acceptor_;
};

}  // namespace cc::shim

#endif  // CC_SHIM_EGRESS_H_
