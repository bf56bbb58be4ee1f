// SPDX-License-Identifier: Apache-2.0
#include "image/registry.h"

#include <algorithm>

#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "image/media_type.h"

namespace cc::image {
namespace {

// A connection that brought this much before it broke is no failed attempt.
constexpr uint64_t kProgress = 64 << 10;

// The first byte that a 206 answer holds; nullopt when its header makes no sense.
std::optional<uint64_t> RangeStart(const HttpResponse& response) {
  const std::string header = response.Header("content-range");
  if (!header.starts_with("bytes ")) return std::nullopt;
  uint64_t start = 0;
  if (!ParseNumber(SplitOnce(std::string_view(header).substr(6), '-').first, &start)) return std::nullopt;
  return start;
}

absl::Status DigestMismatch(const Digest& expected, const Digest& actual) {
  return absl::DataLossError(StrCat("digest mismatch: the registry sent content of ", actual.ToString(),
                                    " for ", expected.ToString()));
}

}  // namespace

Registry::Registry(std::shared_ptr<HttpClient> http, Reference reference,
                   std::optional<Credentials> credentials, RetryPolicy retry)
    : access_(std::move(http), std::move(reference), std::move(credentials), RegistryAccess::Rights::kPull),
      retry_(retry) {}

absl::StatusOr<HttpResponse> Registry::GetAuthorized(HttpRequest request, const BodySink& sink,
                                                     const std::stop_token& stop,
                                                     std::optional<std::chrono::milliseconds>* retry_after) {
  retry_after->reset();
  CC_ASSIGN_OR_RETURN(HttpResponse response, access_.Perform(
                                                 [&](const std::string& authorization) {
                                                   request.authorization = authorization;
                                                   return access_.http().Get(request, sink, stop);
                                                 },
                                                 stop));
  if (absl::Status status = AnswerStatus(response); !status.ok()) {
    *retry_after = RetryAfter(response);
    return status;
  }
  return response;
}

absl::StatusOr<Document> Registry::FetchManifest(std::stop_token stop) {
  return FetchManifest(access_.reference().Selector(), access_.reference().digest, stop);
}

absl::StatusOr<Document> Registry::FetchManifest(const Descriptor& descriptor, std::stop_token stop) {
  return FetchManifest(descriptor.digest.ToString(), descriptor.digest, stop);
}

absl::StatusOr<Document> Registry::FetchManifest(const std::string& selector,
                                                 const std::optional<Digest>& expected,
                                                 const std::stop_token& stop) {
  HttpRequest request;
  request.url = access_.Url("manifests", selector);
  request.accept = kManifestAccept;
  for (Backoff backoff(retry_);;) {
    std::string body;
    std::optional<std::chrono::milliseconds> retry_after;
    absl::StatusOr<HttpResponse> response = GetAuthorized(
        request,
        [&body](const HttpResponse&, std::string_view data) {
          if (body.size() + data.size() > kMaxDocumentSize) {
            return absl::ResourceExhaustedError(
                StrCat("the manifest is larger than ", kMaxDocumentSize, " bytes"));
          }
          body.append(data);
          return absl::OkStatus();
        },
        stop, &retry_after);
    if (response.ok()) {
      const HashAlgorithm algorithm = expected ? expected->algorithm() : HashAlgorithm::kSha256;
      Digest actual = Digest::Of(algorithm, body);
      if (expected && actual != *expected) return DigestMismatch(*expected, actual);
      // A registry that names another digest than it sends is broken or attacked.
      const absl::StatusOr<Digest> named = Digest::Parse(response->Header("docker-content-digest"));
      if (named.ok() && *named != Digest::Of(named->algorithm(), body)) return DigestMismatch(*named, actual);
      return Document{std::move(body), response->Header("content-type"), std::move(actual)};
    }
    const absl::Status status = Annotate(response.status(), StrCat("manifest ", selector));
    if (!IsTransient(status) || !backoff.Wait(retry_after, stop)) return status;
    log::Info(
        "retrying",
        {{"image", access_.reference().ToString()}, {"after", status}, {"attempt", backoff.attempts()}});
  }
}

absl::StatusOr<std::string> Registry::FetchDocument(const Descriptor& descriptor, std::stop_token stop) {
  if (descriptor.size > kMaxDocumentSize) return absl::ResourceExhaustedError("the document is too large");
  std::string body;
  CC_RETURN_IF_ERROR(FetchBlob(
      descriptor,
      [&body](std::string_view data) {
        body.append(data);
        return absl::OkStatus();
      },
      stop));
  return body;
}

absl::Status Registry::FetchBlob(const Descriptor& descriptor, const ByteSink& sink, std::stop_token stop) {
  Hasher hasher(descriptor.digest.algorithm());
  uint64_t received = 0;  // verified to be in order, handed to the sink
  HttpRequest request;
  request.url = access_.Url("blobs", descriptor.digest.ToString());
  for (Backoff backoff(retry_);;) {
    request.range_from = received;
    const uint64_t received_before = received;
    uint64_t position = 0;  // of the next byte in this answer
    bool started = false;
    std::optional<std::chrono::milliseconds> retry_after;
    const BodySink body_sink = [&](const HttpResponse& response, std::string_view data) -> absl::Status {
      if (!started) {
        started = true;
        const std::optional<uint64_t> start = response.status == 206 ? RangeStart(response) : uint64_t{0};
        // A server without ranges answers 200 and sends all of it again; what we have is skipped.
        if (!start || *start > received)
          return absl::FailedPreconditionError("the answer's Content-Range is wrong");
        position = *start;
      }
      const uint64_t skip = std::min<uint64_t>(received - std::min(received, position), data.size());
      position += data.size();
      data.remove_prefix(skip);
      if (position > descriptor.size) {
        return absl::DataLossError(StrCat("the registry sends more than the ", descriptor.size,
                                          " bytes that the manifest gives for ",
                                          descriptor.digest.ToString()));
      }
      if (data.empty()) return absl::OkStatus();
      hasher.Update(data);
      received += data.size();
      return sink(data);
    };
    absl::Status status;
    if (received < descriptor.size || descriptor.size == 0) {
      status = GetAuthorized(request, body_sink, stop, &retry_after).status();
    }
    if (status.ok() && received < descriptor.size) {
      status =
          absl::UnavailableError(StrCat("the registry sent ", received, " of ", descriptor.size, " bytes"));
    }
    if (status.ok()) {
      const Digest actual = hasher.Finish();
      return actual == descriptor.digest ? absl::OkStatus() : DigestMismatch(descriptor.digest, actual);
    }
    if (received - received_before >= kProgress) backoff.Reset();
    if (!IsTransient(status) || !backoff.Wait(retry_after, stop)) return status;
    log::Info("resuming", {{"blob", descriptor.digest.ToString()},
                           {"at", received},
                           {"after", status},
                           {"attempt", backoff.attempts()}});
  }
}

}  // namespace cc::image
