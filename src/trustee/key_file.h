// SPDX-License-Identifier: Apache-2.0
// Private keys in files that only the service may read.
#ifndef CC_TRUSTEE_KEY_FILE_H_
#define CC_TRUSTEE_KEY_FILE_H_

#include <string>

#include "absl/status/statusor.h"
#include "jose/key.h"
#include "trustee/store/store.h"

namespace cc::trustee {

// The private key in a PEM file. PermissionDenied when others may read the file.
absl::StatusOr<jose::Key> LoadKey(const std::string& path);

// The key in `path`; when there is no such file, a new one of `type` is written there with mode 0600. When
// two processes start at once both get the same key.
absl::StatusOr<jose::Key> LoadOrMakeKey(const std::string& path, jose::KeyType type);

// The one key that all replicas with this store use under `name`: the first of them puts its own there, the
// others take it. Each keeps a copy in `path`. FailedPrecondition when `path` holds another key already.
absl::StatusOr<jose::Key> ShareKey(Store& store, const std::string& name, const std::string& path,
                                   jose::KeyType type);

}  // namespace cc::trustee

#endif  // CC_TRUSTEE_KEY_FILE_H_
