// SPDX-License-Identifier: Apache-2.0
#include "pod_net/change_events.h"

#include <poll.h>
#include <sys/socket.h>

// After sys/socket.h.
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include <array>
#include <cerrno>

#include "base/status.h"

namespace cc::pod_net {
namespace {

// A burst is over when nothing came for this long.
constexpr int kQuietMs = 20;

// Which of the two is readable; waits up to `timeout` (milliseconds, -1 = for ever).
std::array<bool, 2> Poll(int events, int stop, int timeout) {
  std::array<pollfd, 2> polled{
      {{.fd = events, .events = POLLIN, .revents = 0}, {.fd = stop, .events = POLLIN, .revents = 0}}};
  while (::poll(polled.data(), polled.size(), timeout) < 0) {
    if (errno != EINTR) return {false, true};
  }
  return {polled[0].revents != 0, polled[1].revents != 0};
}

// The content does not matter, nor that some was lost: the namespace itself is looked at.
void Drain(int events) {
  std::array<char, 8192> buffer;
  while (::recv(events, buffer.data(), buffer.size(), MSG_DONTWAIT) > 0 || errno == ENOBUFS ||
         errno == EINTR) {
    errno = 0;
  }
}

}  // namespace

absl::StatusOr<UniqueFd> OpenChangeEvents() {
  UniqueFd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!fd) return ErrnoStatus(errno, "open rtnetlink");
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = RTMGRP_LINK | RTMGRP_NEIGH | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR |
                      RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE;
  // SAFETY: the form that bind() takes addresses in.
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return ErrnoStatus(errno, "watch a network namespace");
  }
  return fd;
}

bool AwaitChange(int events, int stop) {
  if (Poll(events, stop, -1)[1]) return false;
  while (true) {
    Drain(events);
    const auto [more, stopped] = Poll(events, stop, kQuietMs);
    if (stopped) return false;
    if (!more) return true;
  }
}

}  // namespace cc::pod_net
