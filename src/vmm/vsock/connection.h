// SPDX-License-Identifier: Apache-2.0
// One stream between a socket of the host and a port of the guest: what the guest sends goes to the socket,
// what the socket has is packed for the guest, half-closes pass through, and credit is kept both ways.
// Knows no queues and no events; the device (device.h) drives it, on one thread.
#ifndef CC_VMM_VSOCK_CONNECTION_H_
#define CC_VMM_VSOCK_CONNECTION_H_

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/unique_fd.h"
#include "vmm/vsock/credit.h"
#include "vmm/vsock/packet.h"

namespace cc::vmm::vsock {

struct Ports {
  uint32_t host = 0;
  uint32_t guest = 0;
  auto operator<=>(const Ports&) const = default;
};

class Connection {
 public:
  enum class Origin { kHost, kGuest };

  // `socket` must not block. A connection of the host starts with a request to the guest, one of the guest
  // with our response to it.
  Connection(Ports ports, UniqueFd socket, Origin origin);

  // --- What the guest sent. False means: broken rules, reset the connection. ---
  [[nodiscard]] bool OnResponse();
  [[nodiscard]] bool OnData(std::span<const iovec> payload, uint32_t size);
  void OnShutdown(uint32_t flags);
  void OnCreditRequest() { announce_credit_ = true; }
  void UpdateCredit(const PacketHeader& header);

  // --- What the socket signalled (epoll events). ---
  void OnSocketEvents(uint32_t events);

  // --- What the guest shall get. ---
  bool HasPacket() const;
  // The next packet, its payload read from the socket into `space`; nullopt when there is none after all.
  std::optional<PacketHeader> NextPacket(std::span<const iovec> space);

  // The guest has closed both directions: answer with a reset and drain.
  bool guest_is_done() const { return guest_shutdown_ == kShutdownBoth; }
  // The guest has forgotten this connection. What it sent before still goes to the socket.
  void Detach();
  // Detached and nothing left to deliver.
  bool drained() const { return detached_ && backlog_.empty(); }

  const Ports& ports() const { return ports_; }
  int socket() const { return socket_.get(); }
  size_t backlog() const { return backlog_.size() - backlog_start_; }

 private:
  enum class State { kRequested, kOpen };

  bool CanReadSocket() const;
  std::optional<PacketHeader> ReadSocket(std::span<const iovec> space);
  PacketHeader MakeHeader(Operation operation);
  // Sends as much as the socket takes; returns the bytes taken. Marks the socket as not receiving on error.
  size_t Send(std::span<const iovec> pieces);
  void Flush();
  void StopReceiving();
  void FinishSending();

  const Ports ports_;
  UniqueFd socket_;
  const Origin origin_;
  State state_;
  SendCredit send_credit_;
  ReceiveCredit receive_credit_;

  // From the guest to the socket: bytes that the socket did not take yet. Allocated only while needed.
  std::vector<std::byte> backlog_;
  size_t backlog_start_ = 0;
  bool discards_ = false;        // nobody reads the socket any more
  uint32_t guest_shutdown_ = 0;  // directions that the guest closed
  bool detached_ = false;

  // From the socket to the guest.
  bool announce_origin_ = true;  // the request or response is still to be sent
  bool readable_ = true;         // until a read says otherwise
  bool hung_up_ = false;         // the socket's other end is gone for both directions
  bool credit_requested_ = false;
  bool announce_credit_ = false;
  uint32_t shutdown_wanted_ = 0;  // directions that the host closed,
  uint32_t shutdown_sent_ = 0;    // and those that the guest was told
  std::vector<iovec> scratch_;
};

}  // namespace cc::vmm::vsock

#endif  // CC_VMM_VSOCK_CONNECTION_H_
