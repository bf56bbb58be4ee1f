// SPDX-License-Identifier: Apache-2.0
// Private keys in files that only the service may read.
#ifndef CC_TRUSTEE_KEY_FILE_H_
#define CC_TRUSTEE_KEY_FILE_H_

#include <string>

#include "absl/status/statusor.h"
#include "jose/key.h"

namespace cc::trustee {

// The private key in a PEM file. PermissionDenied when others may read the file.
absl::StatusOr<jose::Key> LoadKey(const std::string& path);

// The key in `path`; when there is no such file, a new one of `type` is written there with mode 0600. When
// two processes start at once both get the same key.
absl::StatusOr<jose::Key> LoadOrMakeKey(const std::string& path, jose::KeyType type);

}  // namespace cc::trustee

#endif  // CC_TRUSTEE_KEY_FILE_H_
