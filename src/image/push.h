// SPDX-License-Identifier: Apache-2.0
// Push side of the OCI distribution protocol for one repository: blobs in one piece each (POST for a place,
// PUT of the bytes), then manifests. What is sent was hashed by the caller; the registry checks it again.
// Thread-safe.
#ifndef CC_IMAGE_PUSH_H_
#define CC_IMAGE_PUSH_H_

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "image/http.h"
#include "image/manifest.h"
#include "image/registry_access.h"
#include "image/retry.h"

namespace cc::image {

class RegistryPush {
 public:
  // `reference` names the repository; a manifest's tag or digest is given when it is put.
  RegistryPush(std::shared_ptr<HttpClient> http, Reference reference, std::optional<Credentials> credentials,
               RetryPolicy retry = {})
      : access_(std::move(http), std::move(reference), std::move(credentials),
                RegistryAccess::Rights::kPullAndPush),
        retry_(retry) {}

  // Whether the repository has the blob. Unauthenticated, PermissionDenied, Unavailable, ….
  absl::StatusOr<bool> HasBlob(const Digest& digest, std::stop_token stop);

  // Uploads `blob.size` bytes of `body` unless the repository has them. An attempt that breaks starts again.
  // FailedPrecondition when the registry finds another digest.
  absl::Status PutBlob(const Descriptor& blob, const BodySource& body, std::stop_token stop);

  // `selector` is a tag, or the digest of `json` where an index refers to it.
  absl::Status PutManifest(const std::string& selector, const std::string& media_type,
                           const std::string& json, std::stop_token stop);

 private:
  absl::StatusOr<HttpResponse> Send(HttpRequest request, const std::stop_token& stop);
  // Repeats `step` as long as its failure may pass.
  absl::Status Repeat(const std::string& what, const std::function<absl::StatusOr<HttpResponse>()>& step,
                      const std::stop_token& stop);
  absl::StatusOr<HttpResponse> UploadOnce(const Descriptor& blob, const BodySource& body,
                                          const std::stop_token& stop);

  RegistryAccess access_;
  const RetryPolicy retry_;
};

// A body that is a text in memory, which must outlive it.
BodySource TextBody(const std::string& text);

}  // namespace cc::image

#endif  // CC_IMAGE_PUSH_H_
