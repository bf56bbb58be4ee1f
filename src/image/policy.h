// SPDX-License-Identifier: Apache-2.0
// Which images a guest may run: containers-policy.json(5) with the requirements insecureAcceptAnything,
// reject and sigstoreSigned (by key). Fails closed: an image that needs another kind of signature is refused,
// with a sentence that says so.
#ifndef CC_IMAGE_POLICY_H_
#define CC_IMAGE_POLICY_H_

#include <functional>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "image/cosign.h"
#include "image/reference.h"

namespace cc::image {

class ImagePolicy {
 public:
  // Accepts everything: what holds when nobody gave a policy.
  ImagePolicy() = default;

  // Gives the public key (PEM) that a `keyPath` names.
  using ReadKey = std::function<absl::StatusOr<std::string>(const std::string& path)>;

  // InvalidArgument for JSON that is no policy, or has a requirement that does not exist or asks for more
  // than can be checked (Fulcio, Rekor); what `read_key` says when a key cannot be had.
  static absl::StatusOr<ImagePolicy> Parse(std::string_view json, const ReadKey& read_key);

  // The signatures that the image must have, all of them; none for most. PermissionDenied, naming the image
  // and the scope that decided, when it must not run at all. The most specific scope of transports.docker
  // counts: the image with its tag or digest, its repository, each parent, the host, "*.domain", then "",
  // then `default`. All requirements of a scope must hold; an empty list holds.
  absl::StatusOr<std::vector<SigstoreRequirement>> Judge(const Reference& image) const;

 private:
  struct Requirement {
    std::string type;
    SigstoreRequirement signature = {};  // of "sigstoreSigned"
  };
  using Requirements = std::vector<Requirement>;
  static absl::StatusOr<Requirements> ReadRequirements(const nlohmann::json& list, const std::string& scope,
                                                       const ReadKey& read_key);
  const Requirements& Find(const Reference& image, std::string* scope) const;

  bool accept_all_ = true;
  Requirements default_;
  std::map<std::string, Requirements, std::less<>> scopes_;  // of transports.docker
};

}  // namespace cc::image

#endif  // CC_IMAGE_POLICY_H_
