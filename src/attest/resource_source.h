// SPDX-License-Identifier: Apache-2.0
// Whoever can deliver resources by name: the key broker, or files of a guest without one.
#ifndef CC_ATTEST_RESOURCE_SOURCE_H_
#define CC_ATTEST_RESOURCE_SOURCE_H_

#include "absl/status/statusor.h"
#include "attest/resource_uri.h"
#include "base/secret_bytes.h"

namespace cc::attest {

// Any thread may call.
class ResourceSource {
 public:
  virtual ~ResourceSource() = default;
  // NotFound, PermissionDenied (attestation or policy refused; the message says so), Unavailable.
  virtual absl::StatusOr<SecretBytes> Get(const ResourceUri& uri) = 0;
};

}  // namespace cc::attest

#endif  // CC_ATTEST_RESOURCE_SOURCE_H_
