// SPDX-License-Identifier: Apache-2.0
#include "owner/trustee_client.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/status.h"
#include "base/strings.h"
#include "jose/base64.h"
#include "jose/json.h"

namespace cc::owner {
namespace {

using nlohmann::json;

constexpr std::string_view kJson = "application/json";
constexpr std::string_view kBytes = "application/octet-stream";
constexpr size_t kMaxReason = 2048;

bool IsLoopback(std::string_view host) {
  return host == "localhost" || host.starts_with("127.") || host == "[::1]";
}

absl::Status CheckUrl(const TrusteeOptions& options) {
  const std::string_view url = options.url;
  const bool tls = url.starts_with("https://");
  if (!tls && !url.starts_with("http://")) {
    return absl::InvalidArgumentError(
        StrCat("trust service '", url.substr(0, 256), "': expected http(s)://host[:port]"));
  }
  std::string_view host = url.substr(url.find("://") + 3);
  host = host.substr(0, host.find('/'));
  if (host.find('@') != std::string_view::npos) {
    return absl::InvalidArgumentError("trust service: its URL must not hold a user or password");
  }
  host = host.starts_with('[') ? host.substr(0, host.find(']') + 1) : host.substr(0, host.find(':'));
  if (host.empty()) return absl::InvalidArgumentError(StrCat("trust service '", url, "': names no host"));
  if (tls || options.token.empty() || IsLoopback(host)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      StrCat("trust service ", url,
             ": an administrator's token, and the keys that are uploaded with it, "
             "would cross the network in clear; use https"));
}

// {"type", "detail"} of the KBS protocol, or whatever else a server says; for a terminal, so printable.
std::string Reason(const attest::HttpResponse& response) {
  const absl::StatusOr<json> body = jose::ParseJsonObject(response.body, "error");
  std::string text = body.ok() && body->contains("detail") && (*body)["detail"].is_string()
                         ? (*body)["detail"].get<std::string>()
                         : response.body;
  text.resize(std::min(text.size(), kMaxReason));
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, ' ');
  return text.empty() ? "no reason given" : text;
}

absl::Status FromAnswer(const attest::HttpResponse& response, std::string_view what, bool has_token) {
  if (response.status >= 200 && response.status < 300) return absl::OkStatus();
  std::string text = StrCat(what, ": the trust service answered ", response.status, ": ", Reason(response));
  switch (response.status) {
    case 400:
    case 413:
      return absl::InvalidArgumentError(text);
    case 401:
      if (!has_token) StrAppend(&text, "; give the administrator's key with --admin-key FILE");
      return absl::UnauthenticatedError(text);
    case 403:
      return absl::PermissionDeniedError(text);
    case 404:
      return absl::NotFoundError(text);
    case 405:
      return absl::UnimplementedError(text);
    case 429:
    case 503:
      return absl::UnavailableError(text);
    default:
      return absl::FailedPreconditionError(text);
  }
}

// One path segment: what RFC 3986 leaves unreserved stays, and ':'.
std::string PercentEncode(std::string_view text) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const unsigned char byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("-._~:").find(c) != std::string_view::npos;
    if (plain) {
      out.push_back(c);
    } else {
      StrAppend(&out, '%', kHex[byte >> 4], kHex[byte & 15]);
    }
  }
  return out;
}

// The name of a reference value may have slashes. Empty segments (rvps:///a) would not survive, and "." or
// ".." would lead to another endpoint.
absl::StatusOr<std::string> ReferencePath(std::string_view name) {
  std::vector<std::string> segments;
  bool encode_slashes = false;
  for (const std::string_view segment : StrSplit(name, '/')) {
    if (segment == "." || segment == ".." || name.empty()) {
      return absl::InvalidArgumentError(StrCat("reference value '", name, "': the name cannot be asked for"));
    }
    encode_slashes = encode_slashes || segment.empty();
    segments.push_back(PercentEncode(segment));
  }
  return StrCat("/kbs/v0/reference-value/", StrJoin(segments, encode_slashes ? "%2F" : "/"));
}

absl::StatusOr<std::string> ResourcePath(const attest::ResourceUri& uri) {
  if (!uri.query().empty()) {
    return absl::InvalidArgumentError(StrCat(uri.ToString(), ": a resource is stored without a query"));
  }
  return StrCat("/kbs/v0/", uri.plugin(), "/", uri.path());
}

}  // namespace

absl::StatusOr<std::unique_ptr<TrusteeClient>> TrusteeClient::Create(TrusteeOptions options) {
  while (options.url.ends_with('/')) options.url.pop_back();
  CC_RETURN_IF_ERROR(CheckUrl(options));
  attest::HttpOptions http;
  http.roots_pem = options.roots_pem;
  CC_ASSIGN_OR_RETURN(std::unique_ptr<attest::HttpClient> client, attest::HttpClient::Create(http));
  return std::unique_ptr<TrusteeClient>(new TrusteeClient(std::move(options), std::move(client)));
}

absl::StatusOr<std::string> TrusteeClient::Call(std::string_view method, std::string_view path,
                                                std::string_view body, std::string_view content_type,
                                                std::string_view what) const {
  attest::HttpRequest request;
  request.method = method;
  request.url = StrCat(options_.url, path);
  if (!content_type.empty()) request.headers.push_back(StrCat("Content-Type: ", content_type));
  if (!options_.token.empty()) request.headers.push_back(StrCat("Authorization: Bearer ", options_.token));
  request.body = body;
  absl::StatusOr<attest::HttpResponse> response = http_->Send(request);
  if (!response.ok()) return Annotate(response.status(), what);
  CC_RETURN_IF_ERROR(FromAnswer(*response, what, !options_.token.empty()));
  return std::move(response->body);
}

absl::Status TrusteeClient::PutResource(const attest::ResourceUri& uri, std::string_view bytes) const {
  CC_ASSIGN_OR_RETURN(const std::string path, ResourcePath(uri));
  return Call("POST", path, bytes, kBytes, StrCat("store resource ", uri.ToString())).status();
}

absl::Status TrusteeClient::DeleteResource(const attest::ResourceUri& uri) const {
  CC_ASSIGN_OR_RETURN(const std::string path, ResourcePath(uri));
  return Call("DELETE", path, "", "", StrCat("delete resource ", uri.ToString())).status();
}

absl::Status TrusteeClient::SetResourcePolicy(std::string_view rego) const {
  const json message = {{"policy", jose::Base64UrlEncode(rego)}};
  return Call("POST", "/kbs/v0/resource-policy", message.dump(), kJson, "set the resource policy").status();
}

absl::StatusOr<std::vector<std::string>> TrusteeClient::ListResourcePolicies() const {
  constexpr std::string_view kWhat = "list the resource policies";
  CC_ASSIGN_OR_RETURN(const std::string body, Call("GET", "/kbs/v0/resource-policy", "", "", kWhat));
  CC_ASSIGN_OR_RETURN(const json ids, jose::ParseJson(body, kWhat));
  std::vector<std::string> names;
  if (!ids.is_array()) return absl::FailedPreconditionError(StrCat(kWhat, ": the answer is no list"));
  for (const json& id : ids) {
    if (!id.is_string()) return absl::FailedPreconditionError(StrCat(kWhat, ": an id is no string"));
    names.push_back(id.get<std::string>());
  }
  return names;
}

absl::Status TrusteeClient::SetAttestationPolicy(std::string_view id, std::string_view rego) const {
  const std::string what = StrCat("set the attestation policy ", id);
  const absl::StatusOr<std::string> message =
      jose::JsonText({{"type", "rego"}, {"policy_id", id}, {"policy", jose::Base64UrlEncode(rego)}});
  if (!message.ok()) return Annotate(message.status(), what);
  return Call("POST", "/kbs/v0/attestation-policy", *message, kJson, what).status();
}

absl::Status TrusteeClient::RegisterReferenceValues(std::string_view message) const {
  return Call("POST", "/kbs/v0/reference-value", message, kJson, "register reference values").status();
}

absl::StatusOr<std::string> TrusteeClient::GetReferenceValue(std::string_view name) const {
  CC_ASSIGN_OR_RETURN(const std::string path, ReferencePath(name));
  return Call("GET", path, "", "", StrCat("read reference value ", name));
}

absl::StatusOr<std::string> TrusteeClient::Explain(std::string_view session) const {
  return Call("GET", StrCat("/kbs/v0/explain/", PercentEncode(session)), "", "",
              StrCat("explain session ", session));
}

absl::StatusOr<std::string> TrusteeClient::KeySet() const {
  return Call("GET", "/.well-known/jwks.json", "", "", "read the keys that sign attestation tokens");
}

}  // namespace cc::owner
