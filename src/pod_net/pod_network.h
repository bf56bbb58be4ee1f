// SPDX-License-Identifier: Apache-2.0
// A pod's network for a virtual machine: each interface of the pod's namespace is wired to a NIC of the guest
// (tap and tc redirect), and the guest is told addresses, routes and neighbours.
//
//   CC_ASSIGN_OR_RETURN(auto space, NetNamespace::Open(path));
//   CC_ASSIGN_OR_RETURN(auto network, PodNetwork::Attach(space, {.spare_nics = 1}));
//   spec.nics from network->nics(); start the VM; network->CloseTaps();
//   network->SetGuest(calls);          // the agent answers
//   CC_RETURN_IF_ERROR(network->Sync());  // before containers start; and again when one does
//   network->Watch();
//   network->Detach();                 // the VM is gone
//
// A namespace that is empty at first gets spare NICs: an interface that appears later is wired to one of
// them, and the guest gives it the interface's hardware address. So nothing is ever plugged into a running
// VM.
//
// What a plugin does later is followed as far as Kata's protocol can say it: addresses, MTU, more routes and
// neighbours. An interface that disappears loses its addresses in the guest; its NIC is a spare one again.
#ifndef CC_POD_NET_POD_NETWORK_H_
#define CC_POD_NET_POD_NETWORK_H_

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/thread.h"
#include "base/unique_fd.h"
#include "kata/agent.pb.h"
#include "kata/types.pb.h"
#include "net/address.h"
#include "net/link.h"
#include "net/netlink.h"
#include "pod_net/guest_network.h"
#include "pod_net/net_namespace.h"
#include "pod_net/tap.h"

namespace cc::pod_net {

// How the guest is told.
struct GuestCalls {
  std::function<absl::Status(const types::Interface&)> update_interface;
  std::function<absl::Status(const grpc::Routes&)> update_routes;
  std::function<absl::Status(const grpc::ARPNeighbors&)> add_neighbors;
};

struct PodNetworkOptions {
  uint32_t spare_nics = 1;  // made when the namespace has no interface yet
};

// Thread-safe. Sync and Detach exclude each other and are held across calls to the guest: they are few, and
// nothing else waits for them.
class PodNetwork {
 public:
  // One NIC of the VM.
  struct Nic {
    int tap_fd = -1;  // valid until CloseTaps
    net::MacAddress mac = {};
    uint32_t mtu = 0;  // 0 = not known yet
  };

  // Enters the namespace once, makes the taps and wires them. Takes milliseconds.
  static absl::StatusOr<std::unique_ptr<PodNetwork>> Attach(const NetNamespace& space,
                                                            const PodNetworkOptions& options);
  ~PodNetwork();  // Detach

  std::vector<Nic> nics() const;
  // The VM has its own copies of the descriptors.
  void CloseTaps();

  void SetGuest(GuestCalls calls);
  // Looks at the namespace and tells the guest what is new since the last time. FailedPrecondition when there
  // are more interfaces than NICs, and says which setting changes that. Errors of the guest are passed on.
  absl::Status Sync();
  // From now on Sync runs after each change in the namespace; its errors are logged.
  absl::Status Watch();

  // Ends the watch, removes what was added to the namespace and lets go of it. The VM must be gone.
  // Idempotent.
  void Detach();

 private:
  // A tap, the NIC behind it, and the interface that they are wired to.
  struct Wire {
    Tap tap;
    net::MacAddress mac = {};  // that the guest's device has now
    uint32_t mtu = 0;
    int link = 0;      // 0 = spare
    std::string name;  // of the interface
    std::string told;  // last Interface message, serialized
  };

  explicit PodNetwork(net::Netlink netlink) : netlink_(std::move(netlink)) {}
  absl::Status MakeWires(const PodNetworkOptions& options);
  absl::Status AddWire(const net::Link* link);
  absl::Status ConnectWire(Wire& wire, const net::Link& link);
  absl::Status BindNewLinks(const std::vector<net::Link>& links);
  absl::Status ReleaseLostLinks(const std::vector<net::Link>& links);
  absl::Status Tell(const GuestNetwork& network);
  absl::Status TellInterface(const types::Interface& interface);
  void FollowChanges();

  mutable std::mutex mutex_;
  net::Netlink netlink_;  // of the namespace
  std::vector<Wire> wires_;
  GuestCalls guest_;
  std::string told_routes_;
  std::string told_neighbors_;
  std::string told_dropped_;
  bool detached_ = false;

  UniqueFd events_;  // netlink notifications of the namespace
  UniqueFd stop_;    // eventfd
  Thread watcher_;
};

// Removes what a killed shim's VM left in the namespace at `path`. OK when there is nothing there any more,
// or another namespace than `identity` (NetNamespace::identity).
absl::Status CleanNamespace(const std::string& path, const std::string& identity);

}  // namespace cc::pod_net

#endif  // CC_POD_NET_POD_NETWORK_H_
