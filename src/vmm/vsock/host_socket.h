// SPDX-License-Identifier: Apache-2.0
// The host's end of the guest's vsock is a family of unix sockets ("hybrid vsock", as Firecracker introduced
// it): a client of <path> asks for a guest's port with the line "CONNECT <port>\n"; a guest's connection to
// the host's port P becomes a connection to <path>_P.
#ifndef CC_VMM_VSOCK_HOST_SOCKET_H_
#define CC_VMM_VSOCK_HOST_SOCKET_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/event_loop.h"
#include "base/unique_fd.h"

namespace cc::vmm::vsock {

// The path of the socket that receives the guest's connections to `port` of the host.
std::string PortPath(const std::string& path, uint32_t port);

// Connects without blocking; Unavailable when nobody listens or the listener's queue is full.
absl::StatusOr<UniqueFd> ConnectPort(const std::string& path, uint32_t port);

// The port of a line "CONNECT <port>" (or "connect <port>") without its newline; nullopt for anything else.
std::optional<uint32_t> ParseConnect(std::string_view line);

// Accepts clients on `path` and hands each one over once it has sent its line. Bytes behind the line stay in
// the socket. A client with a wrong line is closed; of more than kMaxWaiting silent ones the oldest is.
// Belongs to the event loop's thread.
class HostListener {
 public:
  static constexpr size_t kMaxWaiting = 256;
  using Callback = std::function<void(UniqueFd socket, uint32_t port)>;

  static absl::StatusOr<std::unique_ptr<HostListener>> Create(EventLoop* loop, const std::string& path,
                                                              Callback callback);
  ~HostListener();
  HostListener(const HostListener&) = delete;
  HostListener& operator=(const HostListener&) = delete;

 private:
  HostListener(EventLoop* loop, std::string path, UniqueFd listener, Callback callback);
  void AcceptAll();
  void ReadLine(uint64_t id);
  UniqueFd Take(uint64_t id);

  EventLoop* const loop_;
  const std::string path_;
  const UniqueFd listener_;
  const Callback callback_;
  UniqueFd spare_;  // given up to accept and close a client when there is no other descriptor
  uint64_t next_id_ = 0;
  std::map<uint64_t, UniqueFd> waiting_;  // by age
};

}  // namespace cc::vmm::vsock

#endif  // CC_VMM_VSOCK_HOST_SOCKET_H_
