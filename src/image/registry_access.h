// SPDX-License-Identifier: Apache-2.0
// One repository's way past the registry's door: a refused request is repeated once with what the registry
// asks for (a bearer token of its token service, or user and password), and what worked is used from then on.
#ifndef CC_IMAGE_REGISTRY_ACCESS_H_
#define CC_IMAGE_REGISTRY_ACCESS_H_

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "image/auth_file.h"
#include "image/http.h"
#include "image/reference.h"

namespace cc::image {

// OK for 2xx; else NotFound, Unauthenticated, PermissionDenied, Unavailable (passes with time) or
// FailedPrecondition with the registry's own words.
absl::Status AnswerStatus(const HttpResponse& response);
// The time that the server asks to be given.
std::optional<std::chrono::milliseconds> RetryAfter(const HttpResponse& response);

// Thread-safe.
class RegistryAccess {
 public:
  enum class Rights { kPull, kPullAndPush };
  // Makes the request with this value of the Authorization header ("" = none).
  using Attempt = std::function<absl::StatusOr<HttpResponse>(const std::string& authorization)>;

  RegistryAccess(std::shared_ptr<HttpClient> http, Reference reference,
                 std::optional<Credentials> credentials, Rights rights)
      : http_(std::move(http)),
        reference_(std::move(reference)),
        credentials_(std::move(credentials)),
        rights_(rights) {}

  // Any answer but 401, which is Unauthenticated.
  absl::StatusOr<HttpResponse> Perform(const Attempt& attempt, const std::stop_token& stop);

  HttpClient& http() const { return *http_; }
  const Reference& reference() const { return reference_; }
  // Of "manifests" or "blobs" in this repository.
  std::string Url(std::string_view kind, std::string_view selector) const;

 private:
  absl::StatusOr<std::string> Authorize(const HttpResponse& refusal, const std::stop_token& stop) const;
  absl::StatusOr<std::string> FetchToken(const std::map<std::string, std::string>& challenge,
                                         const std::stop_token& stop) const;

  const std::shared_ptr<HttpClient> http_;
  const Reference reference_;
  const std::optional<Credentials> credentials_;
  const Rights rights_;
  std::mutex mutex_;
  std::string authorization_;  // header value that worked last; guarded by mutex_
};

}  // namespace cc::image

#endif  // CC_IMAGE_REGISTRY_ACCESS_H_
