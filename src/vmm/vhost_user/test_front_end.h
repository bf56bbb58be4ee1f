// SPDX-License-Identifier: Apache-2.0
// For tests: the front end's (QEMU's) side of a vhost-user connection, able to send anything.
#ifndef CC_VMM_VHOST_USER_TEST_FRONT_END_H_
#define CC_VMM_VHOST_USER_TEST_FRONT_END_H_

#include <sys/socket.h>
#include <sys/uio.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace cc::vmm::vhost_user {

template <typename T>
std::string Raw(const T& value) {
  std::string bytes(sizeof(T), '\0');
  std::memcpy(bytes.data(), &value, sizeof(T));
  return bytes;
}

inline std::string RawMessage(uint32_t request, uint32_t flags, std::string_view payload) {
  std::string bytes = Raw(request) + Raw(flags) + Raw(static_cast<uint32_t>(payload.size()));
  return bytes.append(payload);
}

// False when the other end does not take it.
inline bool SendWithFds(int socket, std::string bytes, const std::vector<int>& fds) {
  iovec piece{bytes.data(), bytes.size()};
  std::vector<char> control(CMSG_SPACE(fds.size() * sizeof(int)));
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  if (!fds.empty()) {
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(fds.size() * sizeof(int));
    std::memcpy(CMSG_DATA(header), fds.data(), fds.size() * sizeof(int));
  }
  return ::sendmsg(socket, &message, MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
}

}  // namespace cc::vmm::vhost_user

#endif  // CC_VMM_VHOST_USER_TEST_FRONT_END_H_
