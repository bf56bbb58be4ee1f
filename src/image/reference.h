// SPDX-License-Identifier: Apache-2.0
// Image references as people write them ("busybox", "localhost:5000/a/b:v1", "[::1]:5000/x@sha256:…"),
// normalised the way Docker and containerd do.
#ifndef CC_IMAGE_REFERENCE_H_
#define CC_IMAGE_REFERENCE_H_

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "image/digest.h"

namespace cc::image {

struct Reference {
  std::string registry;    // "docker.io", "localhost:5000", "[::1]:5000": lower case, port only if written
  std::string repository;  // "library/busybox"
  std::string tag;         // empty when only a digest was given
  std::optional<Digest> digest;

  // An optional "docker://" in front is accepted.
  static absl::StatusOr<Reference> Parse(std::string_view text);

  std::string Name() const { return registry + "/" + repository; }
  std::string ToString() const;
  // What to ask the registry for: the digest if there is one, else the tag.
  std::string Selector() const { return digest ? digest->ToString() : tag; }
  // Where to ask: docker.io is served by registry-1.docker.io.
  std::string ApiHost() const;
};

}  // namespace cc::image

#endif  // CC_IMAGE_REFERENCE_H_
