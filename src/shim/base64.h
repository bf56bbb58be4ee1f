// SPDX-License-Identifier: Apache-2.0
#ifndef CC_SHIM_BASE64_H_
#define CC_SHIM_BASE64_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace cc::shim {

// Standard alphabet, padding optional. InvalidArgument for anything else.
absl::StatusOr<std::string> DecodeBase64(std::string_view text);

}  // namespace cc::shim

#endif  // CC_SHIM_BASE64_H_
