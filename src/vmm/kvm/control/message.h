// SPDX-License-Identifier: Apache-2.0
// The messages on the control socket: one JSON object a line.
//   shim:   {"id": 1, "verb": "create", "launch": {…}}, then "start", "pause", "resume"
//   cc-vmm: {"id": 1} done, {"id": 1, "code": 3, "message": "…"} not done, {"ended": "guest powered off"}
#ifndef CC_VMM_KVM_CONTROL_MESSAGE_H_
#define CC_VMM_KVM_CONTROL_MESSAGE_H_

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace cc::vmm::kvm {

// Splits what arrives on a stream socket into messages. Thread-compatible.
class MessageReader {
 public:
  static constexpr size_t kMaxLine = 1 << 20;

  // The next message, waiting for it when `wait`. nullopt when there is none yet; Unavailable when the peer
  // is gone; InvalidArgument when it sends something else than messages.
  absl::StatusOr<std::optional<nlohmann::json>> Next(int fd, bool wait);

 private:
  std::string input_;
};

// Unavailable when the peer is gone.
absl::Status SendMessage(int fd, const nlohmann::json& message);

nlohmann::json Reply(uint64_t id, const absl::Status& status);
// The status in a reply.
absl::Status StatusOf(const nlohmann::json& reply);

// The member as text or number; empty or 0 when it is absent or of another type.
std::string TextOf(const nlohmann::json& message, const char* name);
uint64_t NumberOf(const nlohmann::json& message, const char* name);

}  // namespace cc::vmm::kvm

#endif  // CC_VMM_KVM_CONTROL_MESSAGE_H_
