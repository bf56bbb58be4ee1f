// SPDX-License-Identifier: Apache-2.0
#include "vmm/vsock/connection.h"

#include <limits.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "base/strings.h"
#include "vmm/virtio/io_vectors.h"

namespace cc::vmm::vsock {
namespace {

size_t TotalSize(std::span<const iovec> pieces) {
  size_t size = 0;
  for (const iovec& piece : pieces) size += piece.iov_len;
  return size;
}

}  // namespace

Connection::Connection(Ports ports, UniqueFd socket, Origin origin)
    : ports_(ports),
      socket_(std::move(socket)),
      origin_(origin),
      state_(origin == Origin::kHost ? State::kRequested : State::kOpen) {}

void Connection::UpdateCredit(const PacketHeader& header) {
  send_credit_.Update(header);
  if (send_credit_.Free() > 0) credit_requested_ = false;
}

bool Connection::OnResponse() {
  if (origin_ != Origin::kHost || state_ != State::kRequested || announce_origin_) return false;
  state_ = State::kOpen;
  // The socket is new and its buffer empty, so the line fits.
  std::string line = StrCat("OK ", ports_.guest, "\n");
  const iovec piece{line.data(), line.size()};
  Send(std::span(&piece, 1));
  return true;
}

bool Connection::OnData(std::span<const iovec> payload, uint32_t size) {
  if (state_ != State::kOpen || (guest_shutdown_ & kShutdownSend) != 0) return false;
  if (!receive_credit_.Received(size)) return false;
  size_t taken = 0;
  if (backlog_.empty()) {
    scratch_.clear();
    virtio::AppendSlice(payload, 0, size, &scratch_);
    taken = Send(scratch_);
  }
  if (discards_) taken = size;
  if (taken < size) {
    scratch_.clear();
    virtio::AppendSlice(payload, taken, size - taken, &scratch_);
    if (backlog_start_ > backlog()) {
      backlog_.erase(backlog_.begin(), backlog_.begin() + static_cast<std::ptrdiff_t>(backlog_start_));
      backlog_start_ = 0;
    }
    const size_t before = backlog_.size();
    backlog_.resize(before + size - taken);
    virtio::CopyFromGuest(scratch_, std::span(backlog_).subspan(before));
  }
  receive_credit_.Consumed(static_cast<uint32_t>(taken));
  return true;
}

void Connection::OnShutdown(uint32_t flags) {
  guest_shutdown_ |= flags & kShutdownBoth;
  if ((guest_shutdown_ & kShutdownReceive) != 0) ::shutdown(socket_.get(), SHUT_RD);
  FinishSending();
}

void Connection::Detach() {
  detached_ = true;
  guest_shutdown_ = kShutdownBoth;
}

void Connection::OnSocketEvents(uint32_t events) {
  if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) readable_ = true;
  if ((events & (EPOLLHUP | EPOLLERR)) != 0) hung_up_ = true;
  // The end of the stream was read before, as a half-close; now the other half is closed too.
  if (hung_up_ && (shutdown_wanted_ & kShutdownSend) != 0) StopReceiving();
  if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0) Flush();
}

void Connection::Flush() {
  if (backlog_.empty()) return;
  const iovec piece{backlog_.data() + backlog_start_, backlog()};
  const size_t taken = Send(std::span(&piece, 1));
  backlog_start_ += taken;
  receive_credit_.Consumed(static_cast<uint32_t>(taken));
  if (backlog() == 0) {
    backlog_ = {};
    backlog_start_ = 0;
    FinishSending();
  }
}

void Connection::FinishSending() {
  if ((guest_shutdown_ & kShutdownSend) != 0 && backlog_.empty()) ::shutdown(socket_.get(), SHUT_WR);
}

size_t Connection::Send(std::span<const iovec> pieces) {
  size_t total = 0;
  while (!pieces.empty()) {
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(pieces.data());
    message.msg_iovlen = std::min<size_t>(pieces.size(), IOV_MAX);
    const ssize_t n = ::sendmsg(socket_.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      if (errno == EAGAIN) return total;
      StopReceiving();
      return total + TotalSize(pieces);
    }
    total += static_cast<size_t>(n);
    if (static_cast<size_t>(n) < TotalSize(pieces.first(message.msg_iovlen))) return total;
    pieces = pieces.subspan(message.msg_iovlen);
  }
  return total;
}

void Connection::StopReceiving() {
  discards_ = true;
  shutdown_wanted_ |= kShutdownReceive;
}

bool Connection::CanReadSocket() const {
  return state_ == State::kOpen && readable_ && (guest_shutdown_ & kShutdownReceive) == 0 &&
         (shutdown_wanted_ & kShutdownSend) == 0;
}

bool Connection::HasPacket() const {
  if (detached_) return false;
  if (announce_origin_) return true;
  if (state_ != State::kOpen) return false;
  if (announce_credit_ || receive_credit_.ShouldAnnounce()) return true;
  if ((shutdown_wanted_ & ~shutdown_sent_) != 0) return true;
  return CanReadSocket() && (send_credit_.Free() > 0 || !credit_requested_);
}

PacketHeader Connection::MakeHeader(Operation operation) {
  PacketHeader header{.source_cid = kHostCid,
                      .source_port = ports_.host,
                      .target_port = ports_.guest,
                      .operation = operation};
  receive_credit_.Announce(&header);
  announce_credit_ = false;
  return header;
}

std::optional<PacketHeader> Connection::NextPacket(std::span<const iovec> space) {
  if (!HasPacket()) return std::nullopt;
  if (announce_origin_) {
    announce_origin_ = false;
    return MakeHeader(origin_ == Origin::kHost ? Operation::kRequest : Operation::kResponse);
  }
  if (CanReadSocket()) {
    if (std::optional<PacketHeader> packet = ReadSocket(space)) return packet;
  }
  // Behind all data: the guest must not hear of the end before it has what was sent.
  if (const uint32_t news = shutdown_wanted_ & ~shutdown_sent_; news != 0) {
    shutdown_sent_ |= news;
    PacketHeader header = MakeHeader(Operation::kShutdown);
    header.flags = shutdown_sent_;
    return header;
  }
  if (announce_credit_ || receive_credit_.ShouldAnnounce()) return MakeHeader(Operation::kCreditUpdate);
  return std::nullopt;
}

std::optional<PacketHeader> Connection::ReadSocket(std::span<const iovec> space) {
  const uint32_t credit = send_credit_.Free();
  if (credit == 0) {
    if (credit_requested_) return std::nullopt;
    credit_requested_ = true;
    return MakeHeader(Operation::kCreditRequest);
  }
  scratch_.clear();
  virtio::AppendSlice(space, 0, std::min(credit, kMaxPayload), &scratch_);
  if (scratch_.empty()) return std::nullopt;
  const auto count = static_cast<int>(std::min<size_t>(scratch_.size(), IOV_MAX));
  ssize_t n;
  do {
    n = ::readv(socket_.get(), scratch_.data(), count);
  } while (n < 0 && errno == EINTR);
  if (n > 0) {
    PacketHeader header = MakeHeader(Operation::kData);
    header.length = static_cast<uint32_t>(n);
    send_credit_.Sent(header.length);
    return header;
  }
  readable_ = false;
  if (n < 0 && errno == EAGAIN) return std::nullopt;
  const bool gone = n < 0 || hung_up_;
  if (gone) discards_ = true;
  shutdown_wanted_ |= gone ? kShutdownBoth : kShutdownSend;
  return std::nullopt;
}

}  // namespace cc::vmm::vsock
