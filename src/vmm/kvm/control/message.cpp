// SPDX-License-Identifier: Apache-2.0
#include "vmm/kvm/control/message.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "base/socket.h"
#include "base/status.h"
#include "base/strings.h"

namespace cc::vmm::kvm {

using nlohmann::json;

absl::StatusOr<std::optional<json>> MessageReader::Next(int fd, bool wait) {
  while (true) {
    if (const size_t end = input_.find('\n'); end != std::string::npos) {
      json message =
          json::parse(input_.begin(), input_.begin() + static_cast<std::ptrdiff_t>(end), nullptr, false);
      input_.erase(0, end + 1);
      if (!message.is_object()) return absl::InvalidArgumentError("a control message is no JSON object");
      return message;
    }
    if (input_.size() > kMaxLine) return absl::InvalidArgumentError("a control message is endless");
    std::array<char, 4096> buffer;
    const ssize_t n = ::recv(fd, buffer.data(), buffer.size(), wait ? 0 : MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return std::optional<json>();
    if (n <= 0) return absl::UnavailableError("the other end of the control socket is gone");
    input_.append(buffer.data(), static_cast<size_t>(n));
  }
}

absl::Status SendMessage(int fd, const json& message) {
  // Messages hold texts that a guest may have chosen bytes of.
  return SendFull(fd, message.dump(-1, ' ', false, json::error_handler_t::replace) + "\n");
}

json Reply(uint64_t id, const absl::Status& status) {
  if (status.ok()) return {{"id", id}};
  return {{"id", id}, {"code", static_cast<int>(status.code())}, {"message", std::string(MessageOf(status))}};
}

absl::Status StatusOf(const json& reply) {
  const auto code = static_cast<absl::StatusCode>(NumberOf(reply, "code"));
  if (code == absl::StatusCode::kOk) return absl::OkStatus();
  return absl::Status(code, TextOf(reply, "message"));
}

std::string TextOf(const json& message, const char* name) {
  const auto found = message.find(name);
  return found != message.end() && found->is_string() ? found->get<std::string>() : std::string();
}

uint64_t NumberOf(const json& message, const char* name) {
  const auto found = message.find(name);
  return found != message.end() && found->is_number_unsigned() ? found->get<uint64_t>() : 0;
}

}  // namespace cc::vmm::kvm
