// SPDX-License-Identifier: Apache-2.0
#include "trustee/kbs/path.h"

#include "base/status.h"
#include "base/strings.h"
#include "base/utf8.h"

namespace cc::trustee {
namespace {

constexpr size_t kMaxTarget = 4096;
constexpr size_t kMaxSegment = 256;
constexpr std::string_view kNameCharacters =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.";

absl::Status CheckSegment(std::string_view segment) {
  CC_ASSIGN_OR_RETURN(const std::string decoded, PercentDecode(segment));
  if (decoded == "." || decoded == "..") {
    return absl::InvalidArgumentError("request path: '.' and '..' segments are not accepted");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> PercentDecode(std::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded.push_back(text[i]);
      continue;
    }
    uint8_t byte = 0;
    if (i + 2 >= text.size() || !ParseNumber(text.substr(i + 1, 2), &byte, 16) || byte == 0) {
      return absl::InvalidArgumentError("request path: a '%' that is no escape of two hex digits");
    }
    decoded.push_back(static_cast<char>(byte));
    i += 2;
  }
  if (!IsUtf8(decoded)) return absl::InvalidArgumentError("request path: escapes are no UTF-8");
  return decoded;
}

absl::StatusOr<Target> ParseTarget(std::string_view text) {
  if (text.empty() || text.front() != '/' || text.size() > kMaxTarget) {
    return absl::InvalidArgumentError(
        StrCat("request path: must start with '/' and have at most ", kMaxTarget, " characters"));
  }
  for (const char c : text) {
    if (c <= ' ' || c > '~' || c == '\\' || c == '#') {
      return absl::InvalidArgumentError("request path: a character that needs escaping");
    }
  }
  const SplitPair parts = SplitOnce(text, '?');
  Target target;
  target.path = parts.first;
  for (const std::string_view segment : StrSplit(parts.first.substr(1), '/')) {
    CC_RETURN_IF_ERROR(CheckSegment(segment));
    target.segments.emplace_back(segment);
  }
  if (parts.second.empty()) return target;
  for (const std::string_view piece : StrSplit(parts.second, '&')) {
    const SplitPair pair = SplitOnce(piece, '=');
    CC_ASSIGN_OR_RETURN(std::string key, PercentDecode(pair.first));
    CC_ASSIGN_OR_RETURN(std::string value, PercentDecode(pair.second));
    if (!target.query.emplace(std::move(key), std::move(value)).second) {
      return absl::InvalidArgumentError("request path: a query parameter appears twice");
    }
  }
  return target;
}

absl::StatusOr<std::string> ResourceName(const std::vector<std::string>& segments) {
  const absl::Status bad = absl::InvalidArgumentError(
      "resource path: expected repository/type/tag of letters, digits, '_', '-' and '.', none starting with "
      "'.'");
  if (segments.size() != 3) return bad;
  for (const std::string& segment : segments) {
    if (segment.empty() || segment.size() > kMaxSegment || segment.front() == '.' ||
        segment.find_first_not_of(kNameCharacters) != std::string::npos) {
      return bad;
    }
  }
  return StrJoin(segments, "/");
}

}  // namespace cc::trustee
