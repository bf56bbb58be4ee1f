// SPDX-License-Identifier: Apache-2.0
// Putting strings together and apart, on std::string_view. Debian builds abseil with a string_view type of
// its own, so absl::StrCat does not take the standard's; these do.
#ifndef CC_BASE_STRINGS_H_
#define CC_BASE_STRINGS_H_

#include <charconv>
#include <concepts>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace cc {
namespace internal {

inline void Append(std::string& out, std::string_view text) { out.append(text); }
inline void Append(std::string& out, absl::string_view text) { out.append(text.data(), text.size()); }
inline void Append(std::string& out, const std::string& text) { out.append(text); }
inline void Append(std::string& out, const char* text) { out.append(text); }
inline void Append(std::string& out, char c) { out.push_back(c); }
template <std::integral Integer>
requires(!std::same_as<Integer, char>) void Append(std::string& out, Integer number) {
  out.append(std::to_string(number));
}
template <std::floating_point Real>
void Append(std::string& out, Real number) {
  out.append(std::to_string(number));
}

}  // namespace internal

// The pieces (strings, views, characters, numbers) one after the other.
template <typename... Pieces>
std::string StrCat(const Pieces&... pieces) {
  std::string out;
  (internal::Append(out, pieces), ...);
  return out;
}

template <typename... Pieces>
void StrAppend(std::string* out, const Pieces&... pieces) {
  (internal::Append(*out, pieces), ...);
}

// Views into `text` between separators; empty pieces are kept ("a,,b" is three), an empty text is one empty
// piece.
std::vector<std::string_view> StrSplit(std::string_view text, char separator);

// At most two pieces: before and after the first separator. `second` is empty and `found` false without one.
struct SplitPair {
  std::string_view first;
  std::string_view second;
  bool found = false;
};
SplitPair SplitOnce(std::string_view text, char separator);

template <typename Range>
std::string StrJoin(const Range& pieces, std::string_view separator) {
  std::string out;
  bool first = true;
  for (const auto& piece : pieces) {
    if (!first) out.append(separator);
    first = false;
    internal::Append(out, piece);
  }
  return out;
}

// Without leading and trailing white space.
std::string_view StrTrim(std::string_view text);

// The whole of `text` as a number in base 10; false for anything else (sign, spaces, overflow, empty).
template <std::unsigned_integral Integer>
bool ParseNumber(std::string_view text, Integer* value, int base = 10) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *value, base);
  return error == std::errc() && end == text.data() + text.size() && !text.empty();
}

// ASCII lower case.
std::string ToLower(std::string_view text);

inline std::string_view MessageOf(const absl::Status& status) {
  return std::string_view(status.message().data(), status.message().size());
}

}  // namespace cc

#endif  // CC_BASE_STRINGS_H_
