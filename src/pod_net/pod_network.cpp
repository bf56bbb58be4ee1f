// SPDX-License-Identifier: Apache-2.0
#include "pod_net/pod_network.h"

#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>

#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "pod_net/change_events.h"
#include "pod_net/redirect.h"

namespace cc::pod_net {
namespace {

using net::Link;

// Begins the device path by which our agent finds an interface that changes its hardware address.
constexpr char kMacPath[] = "mac:";

// Locally administered, unicast.
net::MacAddress RandomMac() {
  net::MacAddress mac{};
  [[maybe_unused]] const ssize_t n = ::getrandom(mac.data(), mac.size(), 0);
  mac[0] = static_cast<uint8_t>((mac[0] & 0xfc) | 0x02);
  return mac;
}

}  // namespace

absl::StatusOr<std::unique_ptr<PodNetwork>> PodNetwork::Attach(const NetNamespace& space,
                                                               const PodNetworkOptions& options) {
  std::unique_ptr<PodNetwork> network;
  CC_RETURN_IF_ERROR(space.Run([&]() -> absl::Status {
    CC_ASSIGN_OR_RETURN(net::Netlink netlink, net::Netlink::Open());
    network.reset(new PodNetwork(std::move(netlink)));
    CC_ASSIGN_OR_RETURN(network->events_, OpenChangeEvents());
    return network->MakeWires(options);
  }));
  network->stop_.reset(::eventfd(0, EFD_CLOEXEC));
  if (!network->stop_) return ErrnoStatus(errno, "make an eventfd");
  return network;
}

PodNetwork::~PodNetwork() { Detach(); }

absl::Status PodNetwork::MakeWires(const PodNetworkOptions& options) {
  // What a VM left whose shim was killed before it could clean up.
  CC_RETURN_IF_ERROR(RemoveDeadRedirects(netlink_));
  CC_ASSIGN_OR_RETURN(const Scan scan, ScanNamespace(netlink_));
  CC_ASSIGN_OR_RETURN(const std::vector<Link> links, SelectInterfaces(scan));
  for (const Link& link : links) CC_RETURN_IF_ERROR(AddWire(&link));
  for (uint32_t i = 0; links.empty() && i < options.spare_nics; ++i) CC_RETURN_IF_ERROR(AddWire(nullptr));
  return absl::OkStatus();
}

absl::Status PodNetwork::AddWire(const Link* link) {
  Wire wire;
  CC_ASSIGN_OR_RETURN(wire.tap, MakeTap(netlink_));
  wires_.push_back(std::move(wire));
  if (link == nullptr) {
    wires_.back().mac = RandomMac();
    return absl::OkStatus();
  }
  CC_ASSIGN_OR_RETURN(wires_.back().mac, net::ParseMac(link->mac));
  wires_.back().mtu = link->mtu;
  return ConnectWire(wires_.back(), *link);
}

absl::Status PodNetwork::ConnectWire(Wire& wire, const Link& link) {
  Link tap;
  tap.index = wire.tap.index;
  tap.name = wire.tap.name;
  const net::LinkChange mtu{.index = tap.index, .name = {}, .mac = {}, .mtu = link.mtu};
  CC_RETURN_IF_ERROR(net::ChangeLink(netlink_, mtu, StrCat("set the MTU of ", tap.name)));
  CC_RETURN_IF_ERROR(Connect(netlink_, link, tap));
  wire.link = link.index;
  wire.name = link.name;
  return absl::OkStatus();
}

std::vector<PodNetwork::Nic> PodNetwork::nics() const {
  const std::lock_guard lock(mutex_);
  std::vector<Nic> nics;
  for (const Wire& wire : wires_) nics.push_back({wire.tap.fd.get(), wire.mac, wire.mtu});
  return nics;
}

void PodNetwork::CloseTaps() {
  const std::lock_guard lock(mutex_);
  for (Wire& wire : wires_) wire.tap.fd.reset();
}

void PodNetwork::SetGuest(GuestCalls calls) {
  const std::lock_guard lock(mutex_);
  guest_ = std::move(calls);
}

absl::Status PodNetwork::Sync() {
  const std::lock_guard lock(mutex_);
  if (detached_) return absl::OkStatus();
  CC_ASSIGN_OR_RETURN(const Scan scan, ScanNamespace(netlink_));
  CC_ASSIGN_OR_RETURN(const std::vector<Link> links, SelectInterfaces(scan));
  CC_RETURN_IF_ERROR(ReleaseLostLinks(links));
  CC_RETURN_IF_ERROR(BindNewLinks(links));
  return Tell(MakeGuestNetwork(scan, links));
}

absl::Status PodNetwork::ReleaseLostLinks(const std::vector<Link>& links) {
  for (Wire& wire : wires_) {
    const bool there =
        std::any_of(links.begin(), links.end(), [&](const Link& l) { return l.index == wire.link; });
    if (wire.link == 0 || there) continue;
    types::Interface bare;
    bare.set_name(wire.name);
    bare.set_device(wire.name);
    bare.set_hwaddr(net::FormatMac(wire.mac.data()));
    CC_RETURN_IF_ERROR(guest_.update_interface(bare));
    wire.link = 0;
    wire.told.clear();
    told_routes_.clear();  // the guest's kernel has removed them with the addresses
    told_neighbors_.clear();
    log::Info("interface of the pod is gone", {{"name", wire.name}});
  }
  // The redirect of the tap led to it.
  return RemoveDeadRedirects(netlink_);
}

absl::Status PodNetwork::BindNewLinks(const std::vector<Link>& links) {
  for (const Link& link : links) {
    const auto known =
        std::find_if(wires_.begin(), wires_.end(), [&](const Wire& wire) { return wire.link == link.index; });
    if (known != wires_.end()) {
      known->name = link.name;  // the guest renames what it finds by the hardware address
      continue;
    }
    const auto spare =
        std::find_if(wires_.begin(), wires_.end(), [](const Wire& wire) { return wire.link == 0; });
    if (spare == wires_.end()) {
      return absl::FailedPreconditionError(
          StrCat("interface ", link.name, " was added to the pod's network after its VM was made, which has ",
                 wires_.size(),
                 " network interfaces, all in use; add it before the pod is created, or raise "
                 "network.spare_nics in config.toml"));
    }
    CC_RETURN_IF_ERROR(ConnectWire(*spare, link));
    log::Info("interface came after the VM", {{"name", link.name}, {"tap", spare->tap.name}});
  }
  return absl::OkStatus();
}

absl::Status PodNetwork::TellInterface(const types::Interface& interface) {
  const auto wire = std::find_if(wires_.begin(), wires_.end(), [&](const Wire& candidate) {
    return candidate.link != 0 && candidate.name == interface.name();
  });
  if (wire == wires_.end()) return absl::InternalError(StrCat("interface ", interface.name(), " has no NIC"));
  const std::string message = interface.SerializeAsString();
  if (message == wire->told) return absl::OkStatus();
  types::Interface told = interface;
  const std::string present = net::FormatMac(wire->mac.data());
  if (present != interface.hwaddr()) told.set_devicepath(kMacPath + present);
  CC_RETURN_IF_ERROR(
      Annotate(guest_.update_interface(told), StrCat("set up ", told.name(), " in the guest")));
  CC_ASSIGN_OR_RETURN(wire->mac, net::ParseMac(interface.hwaddr()));
  wire->told = message;
  return absl::OkStatus();
}

absl::Status PodNetwork::Tell(const GuestNetwork& network) {
  for (const types::Interface& interface : network.interfaces) CC_RETURN_IF_ERROR(TellInterface(interface));
  const std::string routes = network.routes.SerializeAsString();
  if (routes != told_routes_) {
    CC_RETURN_IF_ERROR(Annotate(guest_.update_routes(network.routes), "set routes in the guest"));
    told_routes_ = routes;
  }
  const std::string neighbors = network.neighbors.SerializeAsString();
  if (neighbors != told_neighbors_) {
    CC_RETURN_IF_ERROR(Annotate(guest_.add_neighbors(network.neighbors), "set neighbours in the guest"));
    told_neighbors_ = neighbors;
  }
  const std::string dropped = StrJoin(network.dropped, ", ");
  if (dropped != told_dropped_ && !dropped.empty())
    log::Warning("not given to the guest", {{"what", dropped}});
  told_dropped_ = dropped;
  return absl::OkStatus();
}

absl::Status PodNetwork::Watch() {
  CC_ASSIGN_OR_RETURN(watcher_, Thread::Start("netns-watch", [this] { FollowChanges(); }));
  return absl::OkStatus();
}

void PodNetwork::FollowChanges() {
  std::string last_error;
  while (AwaitChange(events_.get(), stop_.get())) {
    const absl::Status status = Sync();
    const std::string error(MessageOf(status));
    if (!status.ok() && error != last_error) log::Error("change of the pod's network", {{"error", status}});
    last_error = error;
  }
}

void PodNetwork::Detach() {
  if (stop_) {
    const uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(stop_.get(), &one, sizeof(one));
  }
  watcher_.Join();
  const std::lock_guard lock(mutex_);
  if (std::exchange(detached_, true)) return;
  wires_.clear();
  // Open sockets would keep the namespace alive.
  events_.reset();
  net::Netlink last = std::move(netlink_);
  const absl::Status status = RemoveDeadRedirects(last);
  if (!status.ok()) log::Error("pod network not cleaned", {{"error", status}});
}

absl::Status CleanNamespace(const std::string& path, const std::string& identity) {
  absl::StatusOr<NetNamespace> space = NetNamespace::Open(path);
  // After the plugin's own removal there is nothing at the path, or a plain file.
  if (absl::IsNotFound(space.status()) || absl::IsInvalidArgument(space.status())) return absl::OkStatus();
  if (!space.ok()) return space.status();
  if (space->identity() != identity) return absl::OkStatus();
  return Annotate(space->Run([]() -> absl::Status {
    CC_ASSIGN_OR_RETURN(net::Netlink netlink, net::Netlink::Open());
    return RemoveDeadRedirects(netlink);
  }),
                  StrCat("clean network namespace ", path));
}

}  // namespace cc::pod_net
