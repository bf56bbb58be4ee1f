// SPDX-License-Identifier: Apache-2.0
#include "image/url.h"

#include <curl/curl.h>

#include <memory>

#include "base/status.h"
#include "base/strings.h"

namespace cc::image {
namespace {

struct FreeUrl {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};
using CurlUrl = std::unique_ptr<CURLU, FreeUrl>;

absl::Status Bad(std::string_view text, std::string_view why) {
  return absl::InvalidArgumentError(StrCat("URL '", text.substr(0, 200), "': ", why));
}

std::string Part(CURLU* url, CURLUPart part, unsigned flags = 0) {
  char* value = nullptr;
  if (curl_url_get(url, part, &value, flags) != CURLUE_OK) return "";
  std::string text(value);
  curl_free(value);
  return text;
}

absl::StatusOr<Url> Read(CURLU* handle, std::string_view original) {
  Url url;
  url.scheme = Part(handle, CURLUPART_SCHEME);
  if (url.scheme != "http" && url.scheme != "https") return Bad(original, "only http and https are allowed");
  curl_url_set(handle, CURLUPART_USER, nullptr, 0);
  curl_url_set(handle, CURLUPART_PASSWORD, nullptr, 0);
  curl_url_set(handle, CURLUPART_FRAGMENT, nullptr, 0);
  url.host = ToLower(Part(handle, CURLUPART_HOST));
  url.port = Part(handle, CURLUPART_PORT, CURLU_DEFAULT_PORT);
  url.text = Part(handle, CURLUPART_URL);
  if (url.host.empty() || url.port.empty() || url.text.empty()) return Bad(original, "names no host");
  return url;
}

}  // namespace

absl::StatusOr<Url> Url::Parse(std::string_view text) {
  const CurlUrl handle(curl_url());
  if (const CURLUcode code = curl_url_set(handle.get(), CURLUPART_URL, std::string(text).c_str(), 0);
      code != CURLUE_OK) {
    return Bad(text, curl_url_strerror(code));
  }
  return Read(handle.get(), text);
}

absl::StatusOr<Url> Url::Resolve(std::string_view location) const {
  const CurlUrl handle(curl_url());
  CURLUcode code = curl_url_set(handle.get(), CURLUPART_URL, text.c_str(), 0);
  // Setting a URL on a handle that has one resolves it as a reference (RFC 3986).
  if (code == CURLUE_OK) code = curl_url_set(handle.get(), CURLUPART_URL, std::string(location).c_str(), 0);
  if (code != CURLUE_OK) return Bad(location, curl_url_strerror(code));
  return Read(handle.get(), location);
}

absl::StatusOr<std::string> WithQuery(const std::string& text,
                                      std::initializer_list<std::pair<std::string, std::string>> parameters) {
  const CurlUrl handle(curl_url());
  CURLUcode code = curl_url_set(handle.get(), CURLUPART_URL, text.c_str(), 0);
  for (const auto& [name, value] : parameters) {
    if (code != CURLUE_OK) break;
    code = curl_url_set(handle.get(), CURLUPART_QUERY, StrCat(name, "=", value).c_str(),
                        CURLU_URLENCODE | CURLU_APPENDQUERY);
  }
  if (code != CURLUE_OK) return Bad(text, curl_url_strerror(code));
  return Part(handle.get(), CURLUPART_URL);
}

}  // namespace cc::image
