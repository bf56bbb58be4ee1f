// SPDX-License-Identifier: Apache-2.0
// Registry credentials in Docker's form: {"auths": {"registry/path": {"auth": "<base64 of user:password>"}}}.
#ifndef CC_IMAGE_AUTH_FILE_H_
#define CC_IMAGE_AUTH_FILE_H_

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "image/reference.h"

namespace cc::image {

struct Credentials {
  std::string user, password;
  // Value of an Authorization header.
  std::string Basic() const;
};

class AuthFile {
 public:
  static absl::StatusOr<AuthFile> Parse(std::string_view json);

  // The most specific entry: the repository, its parents, then the registry (also as a URL, as "docker login"
  // writes it for Docker Hub).
  std::optional<Credentials> Find(const Reference& reference) const;

 private:
  std::map<std::string, Credentials> entries_;
};

}  // namespace cc::image

#endif  // CC_IMAGE_AUTH_FILE_H_
