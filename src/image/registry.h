// SPDX-License-Identifier: Apache-2.0
// Pull side of the OCI distribution protocol for one repository. Everything returned is verified against its
// digest. Thread-safe.
#ifndef CC_IMAGE_REGISTRY_H_
#define CC_IMAGE_REGISTRY_H_

#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "image/auth_file.h"
#include "image/http.h"
#include "image/layer_unpacker.h"
#include "image/manifest.h"
#include "image/reference.h"
#include "image/registry_access.h"
#include "image/retry.h"

namespace cc::image {

struct Document {
  std::string body;
  std::string content_type;
  Digest digest;
};

class Registry {
 public:
  Registry(std::shared_ptr<HttpClient> http, Reference reference, std::optional<Credentials> credentials,
           RetryPolicy retry = {});

  // The manifest or index that the reference selects. NotFound, PermissionDenied (credentials), DataLoss
  // (digest), ResourceExhausted (over 4 MiB), or what HttpClient reports once the attempts are used up.
  absl::StatusOr<Document> FetchManifest(std::stop_token stop);
  // A manifest by descriptor, from an index.
  absl::StatusOr<Document> FetchManifest(const Descriptor& descriptor, std::stop_token stop);
  // A small blob (the image config).
  absl::StatusOr<std::string> FetchDocument(const Descriptor& descriptor, std::stop_token stop);
  // A blob of any size. A connection that breaks is resumed where it stopped.
  absl::Status FetchBlob(const Descriptor& descriptor, const ByteSink& sink, std::stop_token stop);

 private:
  absl::StatusOr<Document> FetchManifest(const std::string& selector, const std::optional<Digest>& expected,
                                         const std::stop_token& stop);
  // One request with authentication; an answer that is no 2xx becomes an error. Sets `*retry_after` if asked.
  absl::StatusOr<HttpResponse> GetAuthorized(HttpRequest request, const BodySink& sink,
                                             const std::stop_token& stop,
                                             std::optional<std::chrono::milliseconds>* retry_after);

  RegistryAccess access_;
  const RetryPolicy retry_;
};

}  // namespace cc::image

#endif  // CC_IMAGE_REGISTRY_H_
