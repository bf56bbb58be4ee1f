// SPDX-License-Identifier: Apache-2.0
#include "net/netlink.h"

#include <linux/netlink.h>
#include <sys/socket.h>

#include <cerrno>
#include <vector>

#include "base/status.h"

namespace cc::net {
namespace {

// What the kernel uses at most for one part of a dump.
constexpr size_t kDumpSize = 32768;

template <typename Object>
int Visit(const Object* object, void* data) {
  (*static_cast<const std::function<void(const Object*)>*>(data))(object);
  return MNL_CB_OK;
}

// SAFETY: libmnl passes the pointer back to Visit and nowhere else.
template <typename Function>
void* AsData(const Function& function) {
  return const_cast<void*>(static_cast<const void*>(&function));
}

}  // namespace

NetlinkRequest::NetlinkRequest(uint16_t type, uint16_t flags)
    : header_(mnl_nlmsg_put_header(buffer_.data())) {
  header_->nlmsg_type = type;
  header_->nlmsg_flags = static_cast<uint16_t>(NLM_F_REQUEST | flags);
}

void ForEachAttribute(const nlmsghdr* message, size_t fixed_size,
                      const std::function<void(const nlattr*)>& visit) {
  mnl_attr_parse(message, static_cast<unsigned>(fixed_size), Visit<nlattr>, AsData(visit));
}

void ForEachNested(const nlattr* nest, const std::function<void(const nlattr*)>& visit) {
  mnl_attr_parse_nested(nest, Visit<nlattr>, AsData(visit));
}

absl::StatusOr<Netlink> Netlink::Open() {
  mnl_socket* socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
  if (socket == nullptr) return ErrnoStatus(errno, "open rtnetlink");
  Netlink netlink(socket);
  if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0) return ErrnoStatus(errno, "bind rtnetlink");
  return netlink;
}

absl::Status Netlink::Dump(NetlinkRequest& request, std::string_view what,
                           const std::function<void(const nlmsghdr*)>& visit) {
  nlmsghdr* header = request.header();
  header->nlmsg_seq = ++sequence_;
  if (mnl_socket_sendto(socket_.get(), header, header->nlmsg_len) < 0) return ErrnoStatus(errno, what);
  std::vector<char> buffer(kDumpSize);
  while (true) {
    const ssize_t n = mnl_socket_recvfrom(socket_.get(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus(errno, what);
    const int result = mnl_cb_run(buffer.data(), static_cast<size_t>(n), sequence_,
                                  mnl_socket_get_portid(socket_.get()), Visit<nlmsghdr>, AsData(visit));
    if (result < 0) return ErrnoStatus(errno, what);
    if (result == MNL_CB_STOP) return absl::OkStatus();
  }
}

absl::Status Netlink::Execute(NetlinkRequest& request, std::string_view what) {
  request.header()->nlmsg_flags |= NLM_F_ACK;
  return Dump(request, what, [](const nlmsghdr*) {});
}

}  // namespace cc::net
