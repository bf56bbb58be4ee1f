// SPDX-License-Identifier: Apache-2.0
// Which name a signature must carry to count for an image: `signedIdentity` of containers-policy.json(5).
#ifndef CC_IMAGE_SIGNED_IDENTITY_H_
#define CC_IMAGE_SIGNED_IDENTITY_H_

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "image/reference.h"

namespace cc::image {

class SignedIdentity {
 public:
  // matchRepository: cosign puts no tag into its signatures, so nothing stricter can hold for them.
  SignedIdentity() = default;

  // InvalidArgument, beginning with `where`, for a type that does not exist or is not supported.
  static absl::StatusOr<SignedIdentity> Parse(const nlohmann::json& json, std::string_view where);

  // `image` is what was asked for, `signed_name` what the signature says. Whether the signature is over that
  // image's digest is somebody else's question.
  bool Accepts(const Reference& image, std::string_view signed_name) const;

 private:
  enum class Kind { kExact, kRepoDigestOrExact, kRepository, kExactReference, kExactRepository };

  Kind kind_ = Kind::kRepository;
  std::string name_;  // of the exact kinds, normalised: with its tag or digest, or of the repository
};

}  // namespace cc::image

#endif  // CC_IMAGE_SIGNED_IDENTITY_H_
