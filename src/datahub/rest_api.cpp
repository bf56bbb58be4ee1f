// SPDX-License-Identifier: Apache-2.0
#include "datahub/rest_api.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "attest/resource_uri.h"
#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "jose/base64.h"

namespace cc::datahub {
namespace {

constexpr std::string_view kText = "text/plain";
constexpr std::string_view kBytes = "application/octet-stream";
constexpr std::string_view kJson = "application/json";

RestResponse Plain(unsigned status, std::string text) {
  return {.status = status, .content_type = kText, .body = SecretBytes(std::move(text))};
}
RestResponse NotFound() { return Plain(404, "URL NOT FOUND"); }
RestResponse NotAllowed() { return Plain(405, "Method Not Allowed"); }

unsigned HttpStatus(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
      return 400;
    case absl::StatusCode::kPermissionDenied:
      return 403;
    case absl::StatusCode::kNotFound:
      return 404;
    default:
      return 500;
  }
}

RestResponse Failed(const absl::Status& status, std::string_view what) {
  log::Warning("REST request failed", {{"request", what}, {"cause", status}});
  return Plain(HttpStatus(status), std::string(MessageOf(status)));
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// A value of a query in the form of HTML forms; nullopt when it is malformed.
std::optional<std::string> DecodeValue(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out.push_back(text[i] == '+' ? ' ' : text[i]);
      continue;
    }
    const int high = i + 1 < text.size() ? HexDigit(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? HexDigit(text[i + 2]) : -1;
    if (high < 0 || low < 0) return std::nullopt;
    out.push_back(static_cast<char>(high * 16 + low));
    i += 2;
  }
  return out;
}

// The last value of `name`; nullopt when it is absent or malformed.
std::optional<std::string> QueryValue(std::string_view query, std::string_view name) {
  std::optional<std::string> value;
  for (const std::string_view pair : StrSplit(query, '&')) {
    const SplitPair parts = SplitOnce(pair, '=');
    if (parts.first == name) value = DecodeValue(parts.second);
  }
  return value;
}

std::optional<std::string> RuntimeData(std::string_view query) {
  std::optional<std::string> data = QueryValue(query, "runtime_data");
  const std::string encoding = QueryValue(query, "encoding").value_or("");
  if (!data || encoding.empty()) return data;
  if (encoding != "base64") return std::nullopt;
  absl::StatusOr<std::string> bytes = jose::Base64UrlDecode(*data);
  return bytes.ok() ? std::optional<std::string>(*std::move(bytes)) : std::nullopt;
}

}  // namespace

std::string_view RestFeatures::name() const {
  if (resource && attestation) return "all";
  return resource ? "resource" : attestation ? "attestation" : "none";
}

absl::StatusOr<RestFeatures> ParseRestFeatures(std::string_view name) {
  for (const bool resource : {false, true}) {
    for (const bool attestation : {false, true}) {
      const RestFeatures features{.resource = resource, .attestation = attestation};
      if (features.name() == name) return features;
    }
  }
  return absl::InvalidArgumentError(
      StrCat("REST interface '", name, "': must be resource, attestation, all or none"));
}

RestResponse RestApi::Handle(const RestRequest& request) const {
  const SplitPair target = SplitOnce(request.target, '?');
  constexpr std::string_view kResource = "/cdh/resource/", kAttestation = "/aa/";
  if (target.first == "/info") return request.method == "GET" ? Info() : NotAllowed();
  if (target.first.starts_with(kResource)) {
    if (!features_.resource) return Plain(404, "Resource Feature Not Enabled");
    return request.method == "GET" ? Resource(target.first.substr(kResource.size())) : NotAllowed();
  }
  if (target.first.starts_with(kAttestation)) {
    if (!features_.attestation) return Plain(404, "Attestation Feature Not Enabled");
    return AttestationPath(request, target.first.substr(kAttestation.size()), target.second);
  }
  return NotFound();
}

RestResponse RestApi::Info() const {
  nlohmann::json info{{"version", CC_VERSION}, {"feature", features_.name()}};
  if (features_.attestation) {
    const absl::StatusOr<std::string> tee = attestation_.Tee();
    if (!tee.ok()) return Failed(tee.status(), "info");
    info["tee"] = *tee;
  }
  return {.content_type = kJson, .body = SecretBytes(info.dump())};
}

RestResponse RestApi::Resource(std::string_view path) const {
  const absl::StatusOr<attest::ResourceUri> uri = attest::ResourceUri::FromPath(path);
  if (!uri.ok()) return Plain(400, std::string(MessageOf(uri.status())));
  absl::StatusOr<SecretBytes> resource = attestation_.Get(*uri);
  if (!resource.ok()) return Failed(resource.status(), "resource");
  return {.content_type = kBytes, .body = *std::move(resource)};
}

RestResponse RestApi::AttestationPath(const RestRequest& request, std::string_view path,
                                      std::string_view query) const {
  if (path == "aael") {
    if (request.method != "POST") return NotAllowed();
    return {.content_type = kJson,
            .body = SecretBytes(nlohmann::json{
                {"success", "false"}, {"message", "The platform does not support runtime measurement"}}
                                    .dump())};
  }
  if (path != "token" && path != "evidence" && path != "additional-evidence") return NotFound();
  if (request.method != "GET") return NotAllowed();
  if (path == "token") {
    const std::optional<std::string> type = QueryValue(query, "token_type");
    if (!type) return Plain(400, "BAD REQUEST");
    absl::StatusOr<SecretBytes> token = attestation_.Token(*type);
    if (!token.ok()) return Failed(token.status(), "token");
    return {.content_type = kBytes, .body = *std::move(token)};
  }
  const std::optional<std::string> data = RuntimeData(query);
  if (!data) return Plain(400, "BAD REQUEST");
  // There are no further devices, hence no evidence of them.
  if (path == "additional-evidence") return {.content_type = kBytes, .body = {}};
  absl::StatusOr<std::string> evidence = attestation_.Evidence(*data);
  if (!evidence.ok()) return Failed(evidence.status(), "evidence");
  return {.content_type = kBytes, .body = SecretBytes(*std::move(evidence))};
}

}  // namespace cc::datahub
