// SPDX-License-Identifier: Apache-2.0
// The owner's keys in files: 32 random bytes that encrypt layer keys, and the Ed25519 pair that administers
// the trust service. A file that exists is never overwritten: what a lost key encrypted is lost with it.
#ifndef CC_OWNER_KEY_FILE_H_
#define CC_OWNER_KEY_FILE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/secret_bytes.h"
#include "jose/key.h"

namespace cc::owner {

// Writes 32 random bytes with mode 0600. AlreadyExists when the file does.
absl::Status NewSymmetricKey(const std::string& path);

// InvalidArgument unless it has exactly 32 bytes; PermissionDenied when others may read it.
absl::StatusOr<SecretBytes> LoadSymmetricKey(const std::string& path);

// Writes the private key (PEM, 0600) to `path` and the public one, which the trust service gets, to
// `path`.pub. AlreadyExists when either file does; nothing is written then.
absl::Status NewAdminKey(const std::string& path);

// A private key in PEM. PermissionDenied when others may read the file.
absl::StatusOr<jose::Key> LoadAdminKey(const std::string& path);

}  // namespace cc::owner

#endif  // CC_OWNER_KEY_FILE_H_
