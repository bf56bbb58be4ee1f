// SPDX-License-Identifier: Apache-2.0
// The Realm personalization value that binds a guest to its initdata: the digest, zero-padded to 64 bytes.
#ifndef CC_CCA_RPV_H_
#define CC_CCA_RPV_H_

#include <array>
#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"

namespace cc::cca {

using Rpv = std::array<uint8_t, 64>;

// `digest` is the raw digest of the initdata: 32, 48 or 64 bytes (sha256, sha384, sha512), else
// InvalidArgument.
absl::StatusOr<Rpv> RpvOf(std::string_view digest);

// Whether `rpv` (64 bytes, from a token) is the value of RpvOf(digest). False for sizes that cannot be.
bool RpvMatches(std::string_view rpv, std::string_view digest);

}  // namespace cc::cca

#endif  // CC_CCA_RPV_H_
