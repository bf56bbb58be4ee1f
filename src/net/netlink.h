// SPDX-License-Identifier: Apache-2.0
// One rtnetlink conversation: a message is built, sent, and its acknowledgement or dump awaited. It belongs
// to the network namespace of the thread that opened it, for ever. Not thread-safe; cheap enough to make one
// per request.
#ifndef CC_NET_NETLINK_H_
#define CC_NET_NETLINK_H_

#include <libmnl/libmnl.h>

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace cc::net {

// A request under construction, in a buffer of its own.
class NetlinkRequest {
 public:
  NetlinkRequest(uint16_t type, uint16_t flags);
  nlmsghdr* header() { return header_; }
  // The family's fixed part behind the header (ifinfomsg, rtmsg, ...).
  template <typename Extra>
  Extra* PutExtra() {
    return static_cast<Extra*>(mnl_nlmsg_put_extra_header(header_, sizeof(Extra)));
  }
  void PutU32(uint16_t type, uint32_t value) { mnl_attr_put_u32(header_, type, value); }
  void PutBytes(uint16_t type, const void* data, size_t size) { mnl_attr_put(header_, type, size, data); }
  void PutString(uint16_t type, const char* text) { mnl_attr_put_strz(header_, type, text); }
  // Calls `body`, whose attributes become the content of a new one.
  template <typename Body>
  void PutNested(uint16_t type, const Body& body) {
    nlattr* nest = mnl_attr_nest_start(header_, type);
    body();
    mnl_attr_nest_end(header_, nest);
  }

 private:
  // Attributes come from bounded fields (names, addresses), far below this.
  alignas(nlmsghdr) std::array<char, 1024> buffer_{};
  nlmsghdr* header_;
};

// Calls `visit` for each attribute behind a message's fixed part of `fixed_size` bytes.
void ForEachAttribute(const nlmsghdr* message, size_t fixed_size,
                      const std::function<void(const nlattr*)>& visit);
// The same for the attributes inside of one.
void ForEachNested(const nlattr* nest, const std::function<void(const nlattr*)>& visit);

class Netlink {
 public:
  static absl::StatusOr<Netlink> Open();

  // Sends and waits for the acknowledgement. `what` begins the error.
  absl::Status Execute(NetlinkRequest& request, std::string_view what);
  // Sends a dump request (or one for a single object, with NLM_F_ACK) and calls `visit` for each message of
  // the answer.
  absl::Status Dump(NetlinkRequest& request, std::string_view what,
                    const std::function<void(const nlmsghdr*)>& visit);

 private:
  struct Closer {
    void operator()(mnl_socket* socket) const { mnl_socket_close(socket); }
  };
  explicit Netlink(mnl_socket* socket) : socket_(socket) {}
  std::unique_ptr<mnl_socket, Closer> socket_;
  uint32_t sequence_ = 0;
};

}  // namespace cc::net

#endif  // CC_NET_NETLINK_H_
