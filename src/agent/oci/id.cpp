// SPDX-License-Identifier: Apache-2.0
#include "agent/oci/id.h"

#include <algorithm>

namespace cc::agent {
namespace {

constexpr size_t kMaxId = 128;

bool IsAlphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool IsAllowed(char c) { return IsAlphanumeric(c) || c == '_' || c == '.' || c == '-'; }

}  // namespace

absl::Status CheckId(std::string_view id) {
  if (id.empty() || id.size() > kMaxId || id.front() == '.' || id.front() == '-' ||
      !std::all_of(id.begin(), id.end(), IsAllowed)) {
    return absl::InvalidArgumentError(
        "id must be 1 to 128 characters of letters, digits, '_', '.' and '-', and not begin with '.' or '-'");
  }
  return absl::OkStatus();
}

}  // namespace cc::agent
