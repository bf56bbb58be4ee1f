// SPDX-License-Identifier: Apache-2.0
#include "agent_proto/guest_error.h"

#include <string>
#include <string_view>

#include "base/strings.h"

namespace cc::agent_proto {
namespace {

constexpr size_t kMaxMessage = 2048;

}  // namespace

absl::Status GuestError(const absl::Status& status) {
  if (status.ok()) return status;
  std::string_view text = MessageOf(status);
  text = text.substr(0, text.find("\n\n"));
  const bool cut = text.size() > kMaxMessage;
  std::string message;
  for (const char c : StrTrim(text.substr(0, kMaxMessage))) {
    const auto byte = static_cast<unsigned char>(c);
    message.push_back(byte < 0x20 || byte == 0x7f ? ' ' : c);
  }
  if (cut) message.append(" …");
  return absl::Status(status.code(), message);
}

}  // namespace cc::agent_proto
