// SPDX-License-Identifier: Apache-2.0
#include "policy/nesting.h"

#include "base/strings.h"

namespace cc::policy {
namespace {

// The position after the string that starts at `at` ("…" with escapes, or `…` without).
size_t SkipString(std::string_view text, size_t at) {
  const char quote = text[at];
  for (size_t i = at + 1; i < text.size(); ++i) {
    if (text[i] == '\\' && quote == '"') {
      ++i;
    } else if (text[i] == quote || (text[i] == '\n' && quote == '"')) {
      return i;
    }
  }
  return text.size();
}

}  // namespace

absl::Status CheckNesting(std::string_view name, std::string_view text) {
  int depth = 0;
  size_t line = 1;
  for (size_t i = 0; i < text.size(); ++i) {
    switch (text[i]) {
      case '\n':
        ++line;
        break;
      case '#':
        while (i + 1 < text.size() && text[i + 1] != '\n') ++i;
        break;
      case '"':
      case '`': {
        const size_t end = SkipString(text, i);
        for (size_t k = i; k < end && k < text.size(); ++k) line += text[k] == '\n';
        i = end;
        if (i < text.size() && text[i] == '\n') ++line;
        break;
      }
      case '(':
      case '[':
      case '{':
        if (++depth > kMaxNesting) {
          return absl::InvalidArgumentError(StrCat("compile policy ", name, ": ", name, ":", line,
                                                   ": brackets nest deeper than ", kMaxNesting));
        }
        break;
      case ')':
      case ']':
      case '}':
        --depth;
        break;
      default:
        break;
    }
  }
  return absl::OkStatus();
}

}  // namespace cc::policy
