// SPDX-License-Identifier: Apache-2.0
#include "datahub/egress.h"

#include <sys/socket.h>

#include <utility>

#include "agent_proto/names.h"
#include "base/log.h"
#include "base/socket.h"
#include "base/status.h"

namespace cc::datahub {
namespace {

constexpr uint32_t kHostCid = 2;

void Carry(const UniqueFd& guest) {
  const absl::StatusOr<UniqueFd> host = ConnectVsock(kHostCid, agent_proto::kEgressPort);
  if (!host.ok()) {
    log::Warning("no egress through the host", {{"error", host.status()}});
    return;
  }
  Relay(guest.get(), host->get());
}

}  // namespace

bool HostCarriesEgress() { return ConnectVsock(kHostCid, agent_proto::kEgressPort).ok(); }

absl::StatusOr<std::unique_ptr<EgressProxy>> EgressProxy::Start(const std::string& socket_path) {
  CC_ASSIGN_OR_RETURN(UniqueFd listener, ListenUnix(socket_path));
  std::unique_ptr<EgressProxy> proxy(new EgressProxy(std::move(listener)));
  CC_ASSIGN_OR_RETURN(proxy->thread_, Thread::Start("egress", [self = proxy.get()] { self->AcceptAll(); }));
  return proxy;
}

EgressProxy::~EgressProxy() {
  ::shutdown(listener_.get(), SHUT_RDWR);
  thread_.Join();
}

void EgressProxy::AcceptAll() const {
  while (true) {
    absl::StatusOr<UniqueFd> connection = Accept(listener_.get());
    if (!connection.ok()) return;
    absl::StatusOr<Thread> carrier =
        Thread::Start("egress-conn", [connection = *std::move(connection)] { Carry(connection); });
    if (carrier.ok()) {
      carrier->Detach();
    } else {
      log::Warning("an egress connection was dropped", {{"error", carrier.status()}});
    }
  }
}

}  // namespace cc::datahub
