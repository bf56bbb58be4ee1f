// SPDX-License-Identifier: Apache-2.0
// Digests, random bytes and hex text over OpenSSL.
#ifndef CC_JOSE_DIGEST_H_
#define CC_JOSE_DIGEST_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace cc::jose {

enum class Hash { kSha256, kSha384, kSha512 };

// "sha256", "sha384", "sha512", also with a dash and in capitals ("SHA-256").
absl::StatusOr<Hash> ParseHash(std::string_view name);

// The raw digest (32, 48 or 64 bytes).
std::string Digest(Hash hash, std::string_view bytes);

// Bytes of OpenSSL's generator for private use. Aborts the process when the generator fails.
std::string RandomBytes(size_t size);

// Equality in a time that does not depend on the contents (only on the lengths).
bool EqualSecrets(std::string_view a, std::string_view b);

// Lower-case hex; reading takes both cases.
std::string ToHex(std::string_view bytes);
absl::StatusOr<std::string> FromHex(std::string_view text);

}  // namespace cc::jose

#endif  // CC_JOSE_DIGEST_H_
