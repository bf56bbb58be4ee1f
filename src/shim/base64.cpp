// SPDX-License-Identifier: Apache-2.0
#include "shim/base64.h"

#include "absl/strings/escaping.h"

namespace cc::shim {

absl::StatusOr<std::string> DecodeBase64(std::string_view text) {
  std::string decoded;
  if (!absl::Base64Unescape(absl::string_view(text.data(), text.size()), &decoded)) {
    return absl::InvalidArgumentError("is not base64");
  }
  return decoded;
}

}  // namespace cc::shim
