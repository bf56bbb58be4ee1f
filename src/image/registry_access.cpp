// SPDX-License-Identifier: Apache-2.0
#include "image/registry_access.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/status.h"
#include "base/strings.h"
#include "image/challenge.h"
#include "image/url.h"

namespace cc::image {
namespace {

constexpr size_t kMaxToken = 64 << 10;

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

}  // namespace

absl::Status AnswerStatus(const HttpResponse& response) {
  if (response.status >= 200 && response.status < 300) return absl::OkStatus();
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

std::string RegistryAccess::Url(std::string_view kind, std::string_view selector) const {
  return StrCat(http_->BaseUrl(reference_.ApiHost()), "/v2/", reference_.repository, "/", kind, "/",
                selector);
}

absl::StatusOr<HttpResponse> RegistryAccess::Perform(const Attempt& attempt, const std::stop_token& stop) {
  std::string authorization;
  {
    const std::lock_guard lock(mutex_);
    authorization = authorization_;
  }
  CC_ASSIGN_OR_RETURN(HttpResponse response, attempt(authorization));
  if (response.status != 401) return response;
  CC_ASSIGN_OR_RETURN(authorization, Authorize(response, stop));
  CC_ASSIGN_OR_RETURN(response, attempt(authorization));
  if (response.status == 401) {
    return absl::UnauthenticatedError(StrCat(MessageOf(AnswerStatus(response)), ": ",
                                             credentials_ ? "the configured credentials were refused"
                                                          : "no credentials are configured for this image"));
  }
  const std::lock_guard lock(mutex_);
  authorization_ = authorization;
  return response;
}

absl::StatusOr<std::string> RegistryAccess::Authorize(const HttpResponse& refusal,
                                                      const std::stop_token& stop) const {
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
  if (!basic) return AnswerStatus(refusal);
  if (!credentials_) {
    return absl::UnauthenticatedError(
        "the registry asks for a user and password, but no credentials are configured for this image");
  }
  return credentials_->Basic();
}

absl::StatusOr<std::string> RegistryAccess::FetchToken(const std::map<std::string, std::string>& challenge,
                                                       const std::stop_token& stop) const {
  const auto parameter = [&](const char* name) {
    const auto found = challenge.find(name);
    return found == challenge.end() ? std::string() : found->second;
  };
  std::string scope = parameter("scope");
  // A challenge names what the refused request needs; a push needs more a moment later.
  if (rights_ == Rights::kPullAndPush) {
    scope = StrCat("repository:", reference_.repository, ":pull,push");
  } else if (scope.empty()) {
    scope = StrCat("repository:", reference_.repository, ":pull");
  }
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
  if (response->status != 200) return Annotate(AnswerStatus(*response), context);
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

}  // namespace cc::image
