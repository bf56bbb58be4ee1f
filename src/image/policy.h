// SPDX-License-Identifier: Apache-2.0
// Which images a guest may run: containers-policy.json(5), as far as it can be decided without signatures.
// Fails closed: an image that would need a signature is refused, with a sentence that says so.
#ifndef CC_IMAGE_POLICY_H_
#define CC_IMAGE_POLICY_H_

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "image/reference.h"

namespace cc::image {

class ImagePolicy {
 public:
  // Accepts everything: what holds when nobody gave a policy.
  ImagePolicy() = default;
  // InvalidArgument for JSON that is no policy, or has a requirement of a type that does not exist.
  static absl::StatusOr<ImagePolicy> Parse(std::string_view json);

  // OK, or PermissionDenied naming the image and the scope that decided. The most specific scope of
  // transports.docker counts: the image with its tag or digest, its repository, each parent, the host,
  // "*.domain", then "", then `default`. All requirements of a scope must hold; an empty list holds.
  absl::Status Check(const Reference& image) const;

 private:
  using Requirements = std::vector<std::string>;  // by type
  const Requirements& Find(const Reference& image, std::string* scope) const;

  bool accept_all_ = true;
  Requirements default_;
  std::map<std::string, Requirements, std::less<>> scopes_;  // of transports.docker
};

}  // namespace cc::image

#endif  // CC_IMAGE_POLICY_H_
