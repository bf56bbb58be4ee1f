// SPDX-License-Identifier: Apache-2.0
#include "vmm/vhost_user/message.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <cerrno>

#include "base/status.h"
#include "base/strings.h"

namespace cc::vmm::vhost_user {
namespace {

void TakeFds(msghdr& message, std::vector<UniqueFd>* fds) {
  for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int fd;
      std::memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
      fds->emplace_back(fd);
    }
  }
}

}  // namespace

absl::StatusOr<bool> MessageReader::Fill(size_t target) {
  while (have_ < target) {
    iovec piece{buffer_.data() + have_, target - have_};
    alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(kMaxFds * sizeof(int))> control;
    msghdr message{};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t n = ::recvmsg(socket_, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return false;
    if (n < 0) return ErrnoStatus(errno, "receive a vhost-user message");
    TakeFds(message, &fds_);
    if (n == 0) return absl::CancelledError("the vhost-user peer closed the connection");
    if ((message.msg_flags & MSG_CTRUNC) != 0 || fds_.size() > kMaxFds) {
      return absl::InvalidArgumentError("vhost-user message with too many descriptors");
    }
    have_ += static_cast<size_t>(n);
  }
  return true;
}

absl::StatusOr<std::optional<Message>> MessageReader::Next() {
  CC_ASSIGN_OR_RETURN(const bool has_header, Fill(sizeof(Header)));
  if (!has_header) return std::nullopt;
  Header header;
  std::memcpy(&header, buffer_.data(), sizeof(header));
  if (header.size > kMaxPayload || (header.flags & kVersionMask) != kVersion) {
    return absl::InvalidArgumentError(
        StrCat("vhost-user header with size ", header.size, " and flags ", header.flags, " is impossible"));
  }
  CC_ASSIGN_OR_RETURN(const bool complete, Fill(sizeof(header) + header.size));
  if (!complete) return std::nullopt;
  Message message{.request = static_cast<Request>(header.request), .flags = header.flags};
  const std::byte* payload = buffer_.data() + sizeof(header);
  message.payload.assign(payload, payload + header.size);
  message.fds = std::move(fds_);
  fds_.clear();
  have_ = 0;
  return message;
}

absl::Status SendReply(int socket, Request request, std::span<const std::byte> payload) {
  std::vector<std::byte> bytes;
  for (const uint32_t word :
       {static_cast<uint32_t>(request), kVersion | kFlagReply, static_cast<uint32_t>(payload.size())}) {
    const std::vector<std::byte> encoded = ToBytes(word);
    bytes.insert(bytes.end(), encoded.begin(), encoded.end());
  }
  bytes.insert(bytes.end(), payload.begin(), payload.end());
  const ssize_t n = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (n < 0) return ErrnoStatus(errno, "answer a vhost-user message");
  // A stream socket with room takes so short a message whole; without room the peer does not read answers.
  if (static_cast<size_t>(n) != bytes.size()) {
    return absl::UnavailableError("the vhost-user peer does not read answers");
  }
  return absl::OkStatus();
}

}  // namespace cc::vmm::vhost_user
