// SPDX-License-Identifier: Apache-2.0
#include "agent/run/console.h"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstring>

#include "base/socket.h"
#include "base/status.h"

namespace cc::agent {

absl::StatusOr<ConsoleSocket> ConsoleSocket::Create(std::string path) {
  CC_ASSIGN_OR_RETURN(UniqueFd listener, ListenUnix(path));
  return ConsoleSocket(std::move(path), std::move(listener));
}

ConsoleSocket::~ConsoleSocket() {
  if (listener_) ::unlink(path_.c_str());
}

absl::StatusOr<UniqueFd> ConsoleSocket::Receive() {
  constexpr std::chrono::milliseconds kGrace{1000};
  CC_RETURN_IF_ERROR(Annotate(WaitReadable(listener_.get(), kGrace), "receive the terminal from crun"));
  CC_ASSIGN_OR_RETURN(UniqueFd connection, Accept(listener_.get()));
  CC_RETURN_IF_ERROR(Annotate(WaitReadable(connection.get(), kGrace), "receive the terminal from crun"));
  std::array<char, 256> name;
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  iovec data{.iov_base = name.data(), .iov_len = name.size()};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  if (::recvmsg(connection.get(), &message, MSG_CMSG_CLOEXEC) < 0) {
    return ErrnoStatus(errno, "receive the terminal from crun");
  }
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header == nullptr || header->cmsg_type != SCM_RIGHTS || header->cmsg_len != CMSG_LEN(sizeof(int))) {
    return absl::FailedPreconditionError("crun sent no terminal");
  }
  int fd = -1;
  std::memcpy(&fd, CMSG_DATA(header), sizeof(fd));
  UniqueFd master(fd);
  if (::isatty(master.get()) != 1) return absl::FailedPreconditionError("what crun sent is no terminal");
  return master;
}

}  // namespace cc::agent
