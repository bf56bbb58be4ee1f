// SPDX-License-Identifier: Apache-2.0
// Where images are read from and written to: a registry or an OCI layout.
#ifndef CC_OWNER_IMAGE_STORE_H_
#define CC_OWNER_IMAGE_STORE_H_

#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "image/http.h"
#include "image/layer_unpacker.h"
#include "image/manifest.h"
#include "image/registry.h"

namespace cc::owner {

// Everything returned is verified against its digest. Thread-safe.
class ImageSource {
 public:
  virtual ~ImageSource() = default;
  // The manifest or index that the user named.
  virtual absl::StatusOr<image::Document> Root(std::stop_token stop) = 0;
  // A manifest of the index.
  virtual absl::StatusOr<image::Document> Manifest(const image::Descriptor& descriptor,
                                                   std::stop_token stop) = 0;
  virtual absl::Status Blob(const image::Descriptor& descriptor, const image::ByteSink& sink,
                            std::stop_token stop) = 0;
};

// Blobs before the manifests that name them, the tagged manifest last: a reader sees a whole image or none.
// Thread-safe.
class ImageDestination {
 public:
  virtual ~ImageDestination() = default;
  virtual absl::Status PutBlob(const image::Descriptor& blob, const image::BodySource& body,
                               std::stop_token stop) = 0;
  // A manifest that an index refers to by digest.
  virtual absl::Status PutManifest(const image::Descriptor& descriptor, const std::string& json,
                                   std::stop_token stop) = 0;
  // The manifest or index that the user's tag shall name.
  virtual absl::Status PutRoot(const image::Descriptor& descriptor, const std::string& json,
                               std::stop_token stop) = 0;
};

}  // namespace cc::owner

#endif  // CC_OWNER_IMAGE_STORE_H_
