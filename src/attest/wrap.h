// SPDX-License-Identifier: Apache-2.0
// The two ways in which CoCo's formats wrap a small secret with a 32-byte key.
#ifndef CC_ATTEST_WRAP_H_
#define CC_ATTEST_WRAP_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/secret_bytes.h"

namespace cc::attest {

enum class WrapType {
  kA256Gcm,  // 12-byte IV, the 16-byte tag follows the ciphertext, no additional data
  kA256Ctr,  // 16-byte IV; anybody can flip bits of the plaintext
};

inline constexpr size_t kWrapKeySize = 32;

std::string_view WrapTypeName(WrapType type);  // "A256GCM", "A256CTR"
absl::StatusOr<WrapType> ParseWrapType(std::string_view name);
size_t WrapIvSize(WrapType type);

// InvalidArgument for a key, IV or ciphertext of the wrong length; PermissionDenied when the tag of A256GCM
// says that key and ciphertext do not belong together. A256CTR cannot tell.
absl::StatusOr<SecretBytes> Unwrap(WrapType type, std::string_view key, std::string_view iv,
                                   std::string_view ciphertext);
absl::StatusOr<std::string> Wrap(WrapType type, std::string_view key, std::string_view iv,
                                 std::string_view plaintext);

}  // namespace cc::attest

#endif  // CC_ATTEST_WRAP_H_
