// SPDX-License-Identifier: Apache-2.0
#include "image/push.h"

#include <algorithm>
#include <cstring>

#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "image/url.h"

namespace cc::image {

absl::StatusOr<HttpResponse> RegistryPush::Send(HttpRequest request, const std::stop_token& stop) {
  return access_.Perform(
      [&](const std::string& authorization) {
        request.authorization = authorization;
        return access_.http().Send(request, stop);
      },
      stop);
}

absl::Status RegistryPush::Repeat(const std::string& what,
                                  const std::function<absl::StatusOr<HttpResponse>()>& step,
                                  const std::stop_token& stop) {
  for (Backoff backoff(retry_);;) {
    const absl::StatusOr<HttpResponse> response = step();
    const absl::Status status = Annotate(response.ok() ? AnswerStatus(*response) : response.status(), what);
    if (status.ok() || !IsTransient(status)) return status;
    const auto delay = response.ok() ? RetryAfter(*response) : std::nullopt;
    if (!backoff.Wait(delay, stop)) return status;
    log::Info(
        "retrying",
        {{"image", access_.reference().ToString()}, {"after", status}, {"attempt", backoff.attempts()}});
  }
}

absl::StatusOr<bool> RegistryPush::HasBlob(const Digest& digest, std::stop_token stop) {
  HttpRequest request;
  request.url = access_.Url("blobs", digest.ToString());
  request.method = "HEAD";
  bool has = false;
  const absl::Status status = Repeat(
      StrCat("look for blob ", digest.ToString()),
      [&]() -> absl::StatusOr<HttpResponse> {
        CC_ASSIGN_OR_RETURN(HttpResponse response, Send(request, stop));
        // A registry that keeps blobs elsewhere sends its clients there only for what it has.
        has = response.status >= 200 && response.status < 400;
        if (has || response.status == 404) response.status = 200;
        return response;
      },
      stop);
  if (!status.ok()) return status;
  return has;
}

absl::StatusOr<HttpResponse> RegistryPush::UploadOnce(const Descriptor& blob, const BodySource& body,
                                                      const std::stop_token& stop) {
  HttpRequest start;
  start.url = access_.Url("blobs", "uploads/");
  start.method = "POST";
  CC_ASSIGN_OR_RETURN(HttpResponse place, Send(start, stop));
  if (!AnswerStatus(place).ok()) return place;
  const std::string location = place.Header("location");
  if (place.status != 202 || location.empty()) {
    return absl::FailedPreconditionError(
        StrCat("the registry answered ", place.status, " without a place to upload to"));
  }
  CC_ASSIGN_OR_RETURN(const Url registry, Url::Parse(start.url));
  CC_ASSIGN_OR_RETURN(const Url target, registry.Resolve(location));
  HttpRequest upload;
  CC_ASSIGN_OR_RETURN(upload.url, WithQuery(target.text, {{"digest", blob.digest.ToString()}}));
  upload.method = "PUT";
  upload.content_type = "application/octet-stream";
  upload.body = body;
  upload.body_size = blob.size;
  if (target.SameOrigin(registry)) return Send(upload, stop);
  // Storage elsewhere is spoken to by the signed URL alone: our credentials are not for it.
  return access_.http().Send(upload, stop);
}

absl::Status RegistryPush::PutBlob(const Descriptor& blob, const BodySource& body, std::stop_token stop) {
  CC_ASSIGN_OR_RETURN(const bool has, HasBlob(blob.digest, stop));
  if (has) return absl::OkStatus();
  return Repeat(
      StrCat("push blob ", blob.digest.ToString()), [&] { return UploadOnce(blob, body, stop); }, stop);
}

absl::Status RegistryPush::PutManifest(const std::string& selector, const std::string& media_type,
                                       const std::string& json, std::stop_token stop) {
  HttpRequest request;
  request.url = access_.Url("manifests", selector);
  request.method = "PUT";
  request.content_type = media_type;
  request.body = TextBody(json);
  request.body_size = json.size();
  return Repeat(
      StrCat("push manifest ", selector), [&] { return Send(request, stop); }, stop);
}

BodySource TextBody(const std::string& text) {
  return [&text](uint64_t offset, std::span<char> out) -> absl::StatusOr<size_t> {
    const size_t at = static_cast<size_t>(std::min<uint64_t>(offset, text.size()));
    const size_t size = std::min(text.size() - at, out.size());
    std::memcpy(out.data(), text.data() + at, size);
    return size;
  };
}

}  // namespace cc::image
