// SPDX-License-Identifier: Apache-2.0
#include "attest/resource_uri.h"

#include <algorithm>
#include <cstdint>

#include "base/status.h"
#include "base/strings.h"

namespace cc::attest {
namespace {

constexpr size_t kMaxLength = 1024;
constexpr size_t kMaxSegments = 16;
constexpr std::string_view kResourcePlugin = "resource";

bool IsAlnum(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }
bool StartsSegment(char c) { return IsAlnum(c) || c == '_' || c == '-'; }

bool IsSegment(std::string_view text) {
  return !text.empty() && StartsSegment(text.front()) &&
         std::all_of(text.begin(), text.end(), [](char c) { return StartsSegment(c) || c == '.'; });
}

bool IsPlugin(std::string_view text) {
  return !text.empty() && text != kResourcePlugin && std::all_of(text.begin(), text.end(), [](char c) {
    return StartsSegment(c) && !(c >= 'A' && c <= 'Z');
  });
}

bool IsQuery(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return IsAlnum(c) || std::string_view("._~=&+-%:,/").find(c) != std::string_view::npos;
  });
}

bool IsHost(std::string_view text) {
  const SplitPair host = SplitOnce(text, ':');
  uint16_t port = 0;
  if (host.found && (host.first.empty() || !ParseNumber(host.second, &port))) return false;
  return std::all_of(host.first.begin(), host.first.end(),
                     [](char c) { return IsAlnum(c) || c == '.' || c == '-'; });
}

absl::Status Bad(std::string_view text, std::string_view rule) {
  std::string shown(text.substr(0, 200));
  std::replace_if(
      shown.begin(), shown.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return absl::InvalidArgumentError(StrCat("resource URI '", shown, "': ", rule));
}

}  // namespace

absl::StatusOr<ResourceUri> ResourceUri::Parse(std::string_view text) {
  if (text.size() > kMaxLength) return Bad(text, StrCat("longer than ", kMaxLength, " bytes"));
  ResourceUri uri;
  const size_t scheme_end = text.find("://");
  if (scheme_end == std::string_view::npos) return Bad(text, "expected kbs:///<repository>/<type>/<tag>");
  const SplitPair scheme = SplitOnce(text.substr(0, scheme_end), '+');
  if (scheme.first != "kbs") return Bad(text, "the scheme must be kbs or kbs+<plugin>");
  if (scheme.found && !IsPlugin(scheme.second)) return Bad(text, "no valid plugin name after kbs+");
  uri.plugin_ = scheme.found ? scheme.second : kResourcePlugin;

  std::string_view rest = text.substr(scheme_end + 3);
  const size_t slash = rest.find('/');
  if (slash == std::string_view::npos) return Bad(text, "the path is missing");
  if (!IsHost(rest.substr(0, slash))) return Bad(text, "no valid host before the path");
  const SplitPair path = SplitOnce(rest.substr(slash + 1), '?');
  const std::vector<std::string_view> segments = StrSplit(path.first, '/');
  if (segments.size() > kMaxSegments) return Bad(text, StrCat("more than ", kMaxSegments, " path segments"));
  if (uri.plugin_ == kResourcePlugin && segments.size() != 3) {
    return Bad(text, StrCat("expected three path segments <repository>/<type>/<tag>, got ", segments.size()));
  }
  if (!std::all_of(segments.begin(), segments.end(), IsSegment)) {
    return Bad(text, "a path segment is letters, digits, '_', '-' and '.', and does not begin with '.'");
  }
  if (path.found && (path.second.empty() || !IsQuery(path.second)))
    return Bad(text, "the query is malformed");
  uri.path_ = path.first;
  uri.query_ = path.second;
  return uri;
}

absl::StatusOr<ResourceUri> ResourceUri::FromPath(std::string_view path) {
  if (path.starts_with('/')) path.remove_prefix(1);
  return Parse(StrCat("kbs:///", path));
}

std::string ResourceUri::ToString() const {
  return StrCat("kbs", plugin_ == kResourcePlugin ? "" : StrCat("+", plugin_), ":///", path_,
                query_.empty() ? "" : "?", query_);
}

}  // namespace cc::attest
