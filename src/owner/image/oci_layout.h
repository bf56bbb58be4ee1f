// SPDX-License-Identifier: Apache-2.0
// Images in a directory (OCI image layout, version 1.0.0): index.json names manifests, blobs/ holds them and
// all they refer to by digest.
#ifndef CC_OWNER_IMAGE_OCI_LAYOUT_H_
#define CC_OWNER_IMAGE_OCI_LAYOUT_H_

#include <string>

#include "owner/image/store.h"

namespace cc::owner {

class OciLayout final : public ImageSource, public ImageDestination {
 public:
  // `tag` may be empty: for reading, when the layout holds one image only; for writing, an image without
  // name.
  OciLayout(std::string directory, std::string tag)
      : directory_(std::move(directory)), tag_(std::move(tag)) {}

  absl::StatusOr<image::Document> Root(std::stop_token stop) override;
  absl::StatusOr<image::Document> Manifest(const image::Descriptor& descriptor,
                                           std::stop_token stop) override;
  absl::Status Blob(const image::Descriptor& descriptor, const image::ByteSink& sink,
                    std::stop_token stop) override;

  absl::Status PutBlob(const image::Descriptor& blob, const image::BodySource& body,
                       std::stop_token stop) override;
  absl::Status PutManifest(const image::Descriptor& descriptor, const std::string& json,
                           std::stop_token stop) override;
  // Replaces the entry of the same tag; the others stay.
  absl::Status PutRoot(const image::Descriptor& descriptor, const std::string& json,
                       std::stop_token stop) override;

 private:
  std::string BlobPath(const image::Digest& digest) const;

  const std::string directory_;
  const std::string tag_;
};

}  // namespace cc::owner

#endif  // CC_OWNER_IMAGE_OCI_LAYOUT_H_
