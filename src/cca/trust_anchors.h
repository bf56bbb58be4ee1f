// SPDX-License-Identifier: Apache-2.0
// The platform attestation keys (CPAK) that are trusted, by the platform that has each.
#ifndef CC_CCA_TRUST_ANCHORS_H_
#define CC_CCA_TRUST_ANCHORS_H_

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "jose/key.h"

namespace cc::cca {

// Says that one key shall stand for every platform, whatever ids its token carries: for a fleet that shares a
// key, and for the public test key of emulated platforms.
struct AnyPlatform {};

// Immutable once filled; thread-safe then.
class TrustAnchors {
 public:
  // A JSON array of {"pkey": EC JWK, "implementation-id": hex of 32 bytes, "instance-id": hex of 33 bytes
  // starting with 01}, the format of upstream's ta-store. InvalidArgument names the entry.
  static absl::StatusOr<TrustAnchors> FromTaStore(std::string_view json);

  // AlreadyExists for a second key of the same instance; InvalidArgument for ids of the wrong size or a key
  // that is not EC.
  absl::Status Add(std::string_view instance_id, std::string_view implementation_id, const jose::Key& cpak);
  absl::Status Add(AnyPlatform, const jose::Key& cpak);

  // The key of a platform; NotFound says which ids to register.
  absl::StatusOr<jose::Key> Find(std::string_view instance_id, std::string_view implementation_id) const;

  size_t size() const { return platforms_.size() + (any_.has_value() ? 1 : 0); }

 private:
  struct Platform {
    std::string implementation_id;
    jose::Key cpak;
  };
  std::map<std::string, Platform, std::less<>> platforms_;  // by instance id
  std::optional<jose::Key> any_;
};

}  // namespace cc::cca

#endif  // CC_CCA_TRUST_ANCHORS_H_
