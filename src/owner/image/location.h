// SPDX-License-Identifier: Apache-2.0
// How people name images on the command line, as skopeo does: oci:DIR[:TAG] and docker://REGISTRY/NAME:TAG.
#ifndef CC_OWNER_IMAGE_LOCATION_H_
#define CC_OWNER_IMAGE_LOCATION_H_

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "image/reference.h"
#include "owner/image/store.h"

namespace cc::owner {

struct ImageLocation {
  // One of the two.
  std::optional<image::Reference> registry;
  std::string layout_directory;
  std::string layout_tag;

  // InvalidArgument for anything else.
  static absl::StatusOr<ImageLocation> Parse(std::string_view text);
};

struct RegistryOptions {
  std::set<std::string> plain_http;  // "host" or "host:port" that may be spoken to without TLS
  std::string auth_json;  // credentials, as `docker login` and `skopeo login` write them; may be empty
  std::string roots_pem;  // certificates that are trusted beside the system's
};

absl::StatusOr<std::unique_ptr<ImageSource>> OpenSource(const ImageLocation& location,
                                                        const RegistryOptions& options);
// InvalidArgument when a registry's image is named by digest: what is pushed has a digest of its own.
absl::StatusOr<std::unique_ptr<ImageDestination>> OpenDestination(const ImageLocation& location,
                                                                  const RegistryOptions& options);

}  // namespace cc::owner

#endif  // CC_OWNER_IMAGE_LOCATION_H_
