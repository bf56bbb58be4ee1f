// SPDX-License-Identifier: Apache-2.0
#include "base/mountinfo.h"

#include <algorithm>

#include "base/file.h"
#include "base/status.h"
#include "base/strings.h"

namespace cc {
namespace {

constexpr size_t kMaxMountinfo = 16 << 20;

bool IsOctal(char c) { return c >= '0' && c <= '7'; }

// Blank, tab, newline and backslash are written as \ooo.
std::string Unescape(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size() && IsOctal(text[i + 1]) && IsOctal(text[i + 2]) &&
        IsOctal(text[i + 3])) {
      out.push_back(
          static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0')));
      i += 3;
    } else {
      out.push_back(text[i]);
    }
  }
  return out;
}

}  // namespace

std::vector<MountEntry> ParseMountinfo(std::string_view text) {
  // id parent major:minor root point options [optional fields] - type source super-options
  std::vector<MountEntry> out;
  for (std::string_view line : StrSplit(text, '\n')) {
    const std::vector<std::string_view> fields = StrSplit(line, ' ');
    const auto separator = std::find(fields.begin(), fields.end(), "-");
    if (separator - fields.begin() < 6 || fields.end() - separator < 2) continue;
    out.push_back({.device = std::string(fields[2]),
                   .root = Unescape(fields[3]),
                   .point = Unescape(fields[4]),
                   .type = std::string(separator[1])});
  }
  return out;
}

absl::StatusOr<std::vector<MountEntry>> ReadMountinfo() {
  CC_ASSIGN_OR_RETURN(const std::string text, ReadFile("/proc/self/mountinfo", kMaxMountinfo));
  return ParseMountinfo(text);
}

}  // namespace cc
