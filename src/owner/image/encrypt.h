// SPDX-License-Identifier: Apache-2.0
// Encrypts an image: each layer under a random key of its own, that key wrapped under the owner's key, which
// the trust service gives to attested guests. Configuration and manifests stay readable: entry point,
// environment and the sizes of layers are no secrets after this, only the files are.
//
//   CC_ASSIGN_OR_RETURN(EncryptReport report, EncryptImage(*source, *destination, request, stop));
#ifndef CC_OWNER_IMAGE_ENCRYPT_H_
#define CC_OWNER_IMAGE_ENCRYPT_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "attest/resource_uri.h"
#include "attest/wrap.h"
#include "image/platform.h"
#include "owner/image/store.h"

namespace cc::owner {

struct EncryptProgress {
  size_t layers_done = 0, layers = 0;
  uint64_t bytes_done = 0, bytes = 0;  // of the layers, read and encrypted
};

struct EncryptRequest {
  attest::ResourceUri key_id;
  std::string_view key;  // 32 bytes; outlives the call
  attest::WrapType wrap = attest::WrapType::kA256Gcm;
  // Of an index only this image is encrypted, and becomes the destination without an index.
  std::optional<image::Platform> platform;
  // Where ciphertext waits until its digest is known: needs room for as many layers as `parallel`.
  std::string scratch_directory = "/var/tmp";
  size_t parallel = 3;
  // Called from several threads, one at a time.
  std::function<void(const EncryptProgress&)> progress;
};

struct EncryptReport {
  std::string digest;  // of the manifest or index that the tag names now
  struct Image {
    std::string platform;  // "linux/arm64"; empty when the source does not say
    std::string digest;
    size_t layers = 0;
  };
  std::vector<Image> images;
  std::vector<std::string> left_out;  // digests of index entries that are no images (attestations)
  uint64_t bytes = 0;                 // encrypted
};

// FailedPrecondition when the image is encrypted already; Unimplemented for a layer of an unknown type;
// NotFound when it has nothing for `platform`.
absl::StatusOr<EncryptReport> EncryptImage(ImageSource& source, ImageDestination& destination,
                                           const EncryptRequest& request, std::stop_token stop);

}  // namespace cc::owner

#endif  // CC_OWNER_IMAGE_ENCRYPT_H_
