// SPDX-License-Identifier: Apache-2.0
#include "image/registry.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "image/challenge.h"
#include "image/media_type.h"
#include "image/url.h"

namespace cc::image {
namespace {

constexpr size_t kMaxToken = 64 << 10;
// A connection that brought this much before it broke is no failed attempt.
constexpr uint64_t kProgress = 64 << 10;

// A registry's own words ({"errors":[{"code","message"}]}), made fit for a message.
std::string ErrorText(const HttpResponse& response) {
  const std::string& body = response.error_body;
  const nlohmann::json json =
      nlohmann::json::parse(body.begin(), body.end(), nullptr, /*allow_exceptions=*/false);
  std::string text;
  if (json.is_object() && json.contains("errors") && json["errors"].is_array() && !json["errors"].empty()) {
    const nlohmann::json& first = json["errors"][0];
    for (const char* key : {"code", "message"}) {
      if (!first.is_object() || !first.contains(key) || !first[key].is_string()) continue;
      if (!text.empty()) text += ": ";
      text += first[key].get<std::string>();
    }
  }
  text.resize(std::min<size_t>(text.size(), 200));
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, ' ');
  return text;
}

absl::Status FromHttp(const HttpResponse& response) {
  std::string text = StrCat("registry answered ", response.status);
  if (const std::string detail = ErrorText(response); !detail.empty()) StrAppend(&text, " (", detail, ")");
  if (response.status == 404) return absl::NotFoundError(text);
  if (response.status == 401) return absl::UnauthenticatedError(text);
  if (response.status == 403) return absl::PermissionDeniedError(text);
  if (response.status == 408 || response.status == 429 || response.status >= 500) {
    return absl::UnavailableError(text);
  }
  return absl::FailedPreconditionError(text);
}

std::optional<std::chrono::milliseconds> RetryAfter(const HttpResponse& response) {
  uint32_t seconds = 0;
  if (!ParseNumber(response.Header("retry-after"), &seconds)) return std::nullopt;
  return std::chrono::seconds(seconds);
}

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
    : http_(std::move(http)),
      reference_(std::move(reference)),
      credentials_(std::move(credentials)),
      retry_(retry) {}

std::string Registry::Url(std::string_view kind, std::string_view selector) const {
  return StrCat(http_->BaseUrl(reference_.ApiHost()), "/v2/", reference_.repository, "/", kind, "/",
                selector);
}

absl::StatusOr<HttpResponse> Registry::GetAuthorized(HttpRequest request, const BodySink& sink,
                                                     const std::stop_token& stop,
                                                     std::optional<std::chrono::milliseconds>* retry_after) {
  retry_after->reset();
  {
    const std::lock_guard lock(mutex_);
    request.authorization = authorization_;
  }
  CC_ASSIGN_OR_RETURN(HttpResponse response, http_->Get(request, sink, stop));
  if (response.status == 401) {
    CC_ASSIGN_OR_RETURN(request.authorization, Authorize(response, stop));
    CC_ASSIGN_OR_RETURN(response, http_->Get(request, sink, stop));
    if (response.status == 401) {
      return absl::UnauthenticatedError(StrCat(MessageOf(FromHttp(response)), ": ",
                                               credentials_
                                                   ? "the configured credentials were refused"
                                                   : "no credentials are configured for this image"));
    }
    const std::lock_guard lock(mutex_);
    authorization_ = request.authorization;
  }
  if (response.status < 200 || response.status > 299) {
    *retry_after = RetryAfter(response);
    return FromHttp(response);
  }
  return response;
}

absl::StatusOr<std::string> Registry::Authorize(const HttpResponse& refusal, const std::stop_token& stop) {
  const auto origin = Url::Parse(refusal.url);
  const auto ours = Url::Parse(Url("manifests", "x"));
  if (!origin.ok() || !ours.ok() || !origin->SameOrigin(*ours)) {
    return absl::UnauthenticatedError("a server that the registry redirects to asks for credentials");
  }
  bool basic = false;
  for (const std::string& header : refusal.challenges) {
    for (const Challenge& challenge : ParseChallenges(header)) {
      if (challenge.scheme == "bearer") return FetchToken(challenge.parameters, stop);
      basic = basic || challenge.scheme == "basic";
    }
  }
  if (!basic) return FromHttp(refusal);
  if (!credentials_) {
    return absl::UnauthenticatedError(
        "the registry asks for a user and password, but no credentials are configured for this image");
  }
  return credentials_->Basic();
}

absl::StatusOr<std::string> Registry::FetchToken(const std::map<std::string, std::string>& challenge,
                                                 const std::stop_token& stop) {
  const auto parameter = [&](const char* name) {
    const auto found = challenge.find(name);
    return found == challenge.end() ? std::string() : found->second;
  };
  std::string scope = parameter("scope");
  if (scope.empty()) scope = StrCat("repository:", reference_.repository, ":pull");
  HttpRequest request;
  if (parameter("service").empty()) {
    CC_ASSIGN_OR_RETURN(request.url, WithQuery(parameter("realm"), {{"scope", scope}}));
  } else {
    CC_ASSIGN_OR_RETURN(request.url,
                        WithQuery(parameter("realm"), {{"service", parameter("service")}, {"scope", scope}}));
  }
  if (credentials_) request.authorization = credentials_->Basic();
  std::string body;
  const absl::StatusOr<HttpResponse> response = http_->Get(
      request,
      [&body](const HttpResponse&, std::string_view data) {
        if (body.size() + data.size() > kMaxToken) return absl::ResourceExhaustedError("token is too large");
        body.append(data);
        return absl::OkStatus();
      },
      stop);
  const std::string context = StrCat("ask ", parameter("realm"), " for a token");
  if (!response.ok()) return Annotate(response.status(), context);
  if (response->status != 200) return Annotate(FromHttp(*response), context);
  const nlohmann::json json =
      nlohmann::json::parse(body.begin(), body.end(), nullptr, /*allow_exceptions=*/false);
  for (const char* key : {"token", "access_token"}) {
    if (!json.is_object() || !json.contains(key) || !json[key].is_string()) continue;
    const std::string token = json[key].get<std::string>();
    const bool printable =
        std::all_of(token.begin(), token.end(), [](char c) { return c > ' ' && c < 0x7f; });
    if (!token.empty() && printable) return "Bearer " + token;
  }
  return absl::UnavailableError(StrCat(context, ": the answer holds no token"));
}

absl::StatusOr<Document> Registry::FetchManifest(std::stop_token stop) {
  return FetchManifest(reference_.Selector(), reference_.digest, stop);
}

absl::StatusOr<Document> Registry::FetchManifest(const Descriptor& descriptor, std::stop_token stop) {
  return FetchManifest(descriptor.digest.ToString(), descriptor.digest, stop);
}

absl::StatusOr<Document> Registry::FetchManifest(const std::string& selector,
                                                 const std::optional<Digest>& expected,
                                                 const std::stop_token& stop) {
  HttpRequest request;
  request.url = Url("manifests", selector);
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
    log::Info("retrying",
              {{"image", reference_.ToString()}, {"after", status}, {"attempt", backoff.attempts()}});
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
  request.url = Url("blobs", descriptor.digest.ToString());
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
