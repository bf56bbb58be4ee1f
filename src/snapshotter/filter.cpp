// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/filter.h"

#include <re2/re2.h>

#include <algorithm>

#include "base/status.h"
#include "base/strings.h"

namespace cc::snapshotter {
namespace {

constexpr size_t kMaxExpression = 64 << 10;
constexpr int64_t kMaxRegexBytes = 1 << 20;

bool IsFieldChar(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// A bare value ends at a comma or white space.
bool IsValueChar(char c) { return c != ',' && static_cast<unsigned char>(c) > ' '; }

}  // namespace

class FilterParser {
 public:
  explicit FilterParser(std::string_view text) : text_(text) {}

  absl::StatusOr<Filter::Conjunction> Parse() {
    Filter::Conjunction all;
    do {
      CC_ASSIGN_OR_RETURN(Filter::Selector selector, ParseSelector());
      all.push_back(std::move(selector));
    } while (Skip(","));
    if (at_ != text_.size()) return Error("expected a comma");
    return all;
  }

 private:
  absl::Status Error(std::string_view what) const {
    return absl::InvalidArgumentError(StrCat("filter '", text_, "', character ", at_ + 1, ": ", what));
  }

  bool Skip(std::string_view token) {
    if (!text_.substr(at_).starts_with(token)) return false;
    at_ += token.size();
    return true;
  }

  absl::StatusOr<Filter::Selector> ParseSelector() {
    Filter::Selector selector;
    do {
      CC_ASSIGN_OR_RETURN(std::string part, ParsePathPart());
      selector.path.push_back(std::move(part));
    } while (Skip("."));
    if (Skip("==")) {
      selector.op = Filter::Operator::kEqual;
    } else if (Skip("!=")) {
      selector.op = Filter::Operator::kNotEqual;
    } else if (Skip("~=")) {
      selector.op = Filter::Operator::kMatches;
    } else {
      return selector;
    }
    CC_ASSIGN_OR_RETURN(selector.value, ParseValue(selector.op == Filter::Operator::kMatches));
    if (selector.op == Filter::Operator::kMatches) {
      RE2::Options options(RE2::Quiet);
      options.set_max_mem(kMaxRegexBytes);
      selector.regex = std::make_shared<RE2>(selector.value, options);
      if (!selector.regex->ok()) return Error(StrCat("not a regular expression: ", selector.regex->error()));
    }
    return selector;
  }

  absl::StatusOr<std::string> ParsePathPart() {
    if (at_ < text_.size() && text_[at_] == '"') return ParseQuoted();
    const size_t start = at_;
    while (at_ < text_.size() && IsFieldChar(text_[at_])) ++at_;
    if (at_ == start) return Error("expected a field name");
    return std::string(text_.substr(start, at_ - start));
  }

  absl::StatusOr<std::string> ParseValue(bool regex) {
    if (at_ < text_.size() && text_[at_] == '"') return ParseQuoted();
    if (regex && at_ < text_.size() && (text_[at_] == '/' || text_[at_] == '|'))
      return ParseBetween(text_[at_]);
    const size_t start = at_;
    while (at_ < text_.size() && IsValueChar(text_[at_])) ++at_;
    if (at_ == start) return Error("expected a value");
    return std::string(text_.substr(start, at_ - start));
  }

  // A regular expression between two delimiters; only the delimiter itself is escaped.
  absl::StatusOr<std::string> ParseBetween(char delimiter) {
    std::string value;
    for (++at_; at_ < text_.size(); ++at_) {
      if (text_[at_] == delimiter) {
        ++at_;
        return value;
      }
      if (text_[at_] == '\\' && at_ + 1 < text_.size() && text_[at_ + 1] == delimiter) ++at_;
      value.push_back(text_[at_]);
    }
    return Error("the value does not end");
  }

  absl::StatusOr<std::string> ParseQuoted() {
    std::string value;
    for (++at_; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '"') {
        ++at_;
        return value;
      }
      if (c != '\\') {
        value.push_back(c);
        continue;
      }
      CC_ASSIGN_OR_RETURN(const char unescaped, ParseEscape());
      value.push_back(unescaped);
    }
    return Error("the quoted text does not end");
  }

  // At a backslash; leaves the position at the escape's last character. Go's escapes of single bytes.
  absl::StatusOr<char> ParseEscape() {
    static constexpr std::string_view kNames = "abfnrtv\\\"'";
    static constexpr std::string_view kValues = "\a\b\f\n\r\t\v\\\"'";
    if (++at_ == text_.size()) return Error("the quoted text does not end");
    const size_t known = kNames.find(text_[at_]);
    if (known != std::string_view::npos) return kValues[known];
    uint8_t byte = 0;
    if (text_[at_] == 'x' && at_ + 2 < text_.size() && ParseNumber(text_.substr(at_ + 1, 2), &byte, 16)) {
      at_ += 2;
      return static_cast<char>(byte);
    }
    return Error("unknown escape");
  }

  const std::string_view text_;
  size_t at_ = 0;
};

absl::StatusOr<Filter> Filter::Parse(const std::vector<std::string>& expressions) {
  Filter filter;
  for (const std::string& expression : expressions) {
    if (expression.size() > kMaxExpression) {
      return absl::InvalidArgumentError(StrCat("a filter is longer than ", kMaxExpression, " bytes"));
    }
    if (expression.empty()) return Filter();  // containerd: an empty filter matches everything
    CC_ASSIGN_OR_RETURN(Conjunction all, FilterParser(expression).Parse());
    filter.alternatives_.push_back(std::move(all));
  }
  return filter;
}

bool Filter::Holds(const Selector& selector, const FieldLookup& lookup) {
  const std::optional<std::string> value = lookup(selector.path);
  switch (selector.op) {
    case Operator::kPresent:
      return value.has_value();
    case Operator::kEqual:
      return value.has_value() && *value == selector.value;
    case Operator::kNotEqual:
      return value.value_or("") != selector.value;
    case Operator::kMatches:
      return value.has_value() && RE2::PartialMatch(*value, *selector.regex);
  }
  return false;
}

bool Filter::Matches(const FieldLookup& lookup) const {
  if (alternatives_.empty()) return true;
  return std::any_of(alternatives_.begin(), alternatives_.end(), [&](const Conjunction& all) {
    return std::all_of(all.begin(), all.end(),
                       [&](const Selector& selector) { return Holds(selector, lookup); });
  });
}

}  // namespace cc::snapshotter
