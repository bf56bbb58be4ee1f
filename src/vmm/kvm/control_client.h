// SPDX-License-Identifier: Apache-2.0
// The shim's end of cc-vmm's control socket (control/message.h).
#ifndef CC_VMM_KVM_CONTROL_CLIENT_H_
#define CC_VMM_KVM_CONTROL_CLIENT_H_

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/event_loop.h"
#include "base/unique_fd.h"
#include "vmm/kvm/control/message.h"

namespace cc::vmm::kvm {

class ControlClient {
 public:
  // Reads on `loop`, which must outlive this; destroy on the loop's thread or when it no longer runs.
  static absl::StatusOr<std::unique_ptr<ControlClient>> Create(EventLoop* loop, UniqueFd socket);
  ~ControlClient();

  // Sends `message` (an object with a verb) and waits for the reply, whose status it returns. Any thread but
  // the loop's. Unavailable when cc-vmm is gone, DeadlineExceeded when it does not answer.
  absl::Status Call(nlohmann::json message, std::chrono::milliseconds timeout);

  // Reads what is there without waiting; on the loop's thread.
  void Drain();

  // Why the VM ended, in cc-vmm's words; nullopt before it did.
  std::optional<std::string> ending() const;

 private:
  ControlClient(EventLoop* loop, UniqueFd socket) : loop_(loop), socket_(std::move(socket)) {}
  void Handle(const nlohmann::json& message);
  void Close();

  EventLoop* const loop_;
  UniqueFd socket_;
  MessageReader reader_;  // loop's thread

  mutable std::mutex mutex_;
  std::mutex send_mutex_;  // messages must not mix; a small message never waits for the peer
  std::condition_variable answered_;
  bool closed_ = false;
  uint64_t next_id_ = 1;
  std::map<uint64_t, std::optional<absl::Status>> pending_;  // those without a reply yet hold nullopt
  std::optional<std::string> ending_;
};

}  // namespace cc::vmm::kvm

#endif  // CC_VMM_KVM_CONTROL_CLIENT_H_
