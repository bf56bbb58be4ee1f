// SPDX-License-Identifier: Apache-2.0
#include "image/challenge.h"

#include "base/strings.h"

namespace cc::image {
namespace {

class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  void SkipSpace() {
    while (!text_.empty() && (text_.front() == ' ' || text_.front() == '\t')) text_.remove_prefix(1);
  }
  void SkipSpaceAndCommas() {
    while (!text_.empty() && (text_.front() == ' ' || text_.front() == '\t' || text_.front() == ',')) {
      text_.remove_prefix(1);
    }
  }
  bool Take(char c) {
    if (text_.empty() || text_.front() != c) return false;
    text_.remove_prefix(1);
    return true;
  }
  bool AtEnd() const { return text_.empty(); }

  std::string_view Token() {
    size_t n = 0;
    while (n < text_.size() && IsTokenChar(text_[n])) ++n;
    const std::string_view token = text_.substr(0, n);
    text_.remove_prefix(n);
    return token;
  }

  bool QuotedOrToken(std::string* out) {
    out->clear();
    if (!Take('"')) {
      *out = std::string(Token());
      return true;
    }
    while (!text_.empty()) {
      const char c = text_.front();
      text_.remove_prefix(1);
      if (c == '"') return true;
      if (c == '\\' && !text_.empty()) {
        out->push_back(text_.front());
        text_.remove_prefix(1);
      } else {
        out->push_back(c);
      }
    }
    return false;  // no closing quote
  }

 private:
  static bool IsTokenChar(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("!#$%&'*+-.^_`|~/:").find(c) != std::string_view::npos;
  }
  std::string_view text_;
};

}  // namespace

std::vector<Challenge> ParseChallenges(std::string_view header) {
  std::vector<Challenge> challenges;
  Scanner scanner(header);
  while (true) {
    scanner.SkipSpaceAndCommas();
    const std::string_view name = scanner.Token();
    if (name.empty()) return challenges;
    scanner.SkipSpace();
    if (scanner.Take('=')) {
      // A parameter of the current challenge.
      scanner.SkipSpace();
      std::string value;
      if (challenges.empty() || !scanner.QuotedOrToken(&value)) return challenges;
      challenges.back().parameters.insert_or_assign(ToLower(name), std::move(value));
    } else {
      challenges.push_back({ToLower(name), {}});
    }
    if (scanner.AtEnd()) return challenges;
  }
}

}  // namespace cc::image
