// SPDX-License-Identifier: Apache-2.0
#include "jose/json.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "base/status.h"
#include "base/strings.h"

namespace cc::jose {
namespace {

using nlohmann::json;

constexpr size_t kMaxDepth = 64;

// First pass over hostile text, without building anything: depth and repeated members. nlohmann's DOM
// keeps the last of two members in silence, which lets two readers see two different messages.
class StructureCheck : public nlohmann::json_sax<json> {
 public:
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_object(size_t) override { return Open(); }
  bool end_object() override { return Close(); }
  bool start_array(size_t) override { return Open(); }
  bool end_array() override { return Close(); }
  bool key(string_t& name) override {
    if (members_.back().insert(name).second) return true;
    error_ = StrCat("member '", name.substr(0, 64), "' appears twice");
    return false;
  }
  bool parse_error(size_t position, const std::string&, const nlohmann::detail::exception&) override {
    error_ = StrCat("no valid JSON at byte ", position);
    return false;
  }
  const std::string& error() const { return error_; }

 private:
  bool Open() {
    members_.emplace_back();
    if (members_.size() <= kMaxDepth) return true;
    error_ = StrCat("nested deeper than ", kMaxDepth);
    return false;
  }
  bool Close() {
    members_.pop_back();
    return true;
  }
  std::vector<std::set<std::string>> members_;
  std::string error_;
};

// UTF-8 to UTF-16 code units, for comparison only (nlohmann has checked the encoding).
std::u16string Utf16(const std::string& text) {
  std::u16string units;
  for (size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const size_t length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    char32_t point = length == 1 ? lead : lead & (0xffu >> (length + 1));
    for (size_t k = 1; k < length && i + k < text.size(); ++k) {
      point = (point << 6) | (static_cast<unsigned char>(text[i + k]) & 0x3f);
    }
    if (point >= 0x10000) {
      units.push_back(static_cast<char16_t>(0xd800 + ((point - 0x10000) >> 10)));
      units.push_back(static_cast<char16_t>(0xdc00 + ((point - 0x10000) & 0x3ff)));
    } else {
      units.push_back(static_cast<char16_t>(point));
    }
    i += length;
  }
  return units;
}

// ECMA-262 Number::toString over the shortest digits that read back to the same double.
std::string EcmaNumber(double number) {
  if (number == 0) return "0";
  std::array<char, 64> buffer{};
  const auto [end, error] =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), number, std::chars_format::scientific);
  std::string_view text(buffer.data(), static_cast<size_t>(end - buffer.data()));
  std::string sign;
  if (text.front() == '-') {
    sign = "-";
    text.remove_prefix(1);
  }
  const size_t e = text.find('e');
  std::string digits(text.substr(0, 1));
  if (e > 2) digits.append(text.substr(2, e - 2));
  int exponent = 0;
  const std::string_view exponent_text = text.substr(text[e + 1] == '+' ? e + 2 : e + 1);
  std::from_chars(exponent_text.data(), exponent_text.data() + exponent_text.size(), exponent);
  const int point = exponent + 1;  // digits before the decimal point
  const int count = static_cast<int>(digits.size());
  if (count <= point && point <= 21)
    return sign + digits + std::string(static_cast<size_t>(point - count), '0');
  if (0 < point && point <= 21) return sign + digits.insert(static_cast<size_t>(point), 1, '.');
  if (-6 < point && point <= 0) return sign + "0." + std::string(static_cast<size_t>(-point), '0') + digits;
  if (count > 1) digits.insert(1, 1, '.');
  return StrCat(sign, digits, exponent < 0 ? "e-" : "e+", exponent < 0 ? -exponent : exponent);
}

absl::Status Append(const json& value, std::string& out) {
  constexpr int64_t kExact = int64_t{1} << 53;
  switch (value.type()) {
    case json::value_t::object: {
      std::vector<std::pair<std::u16string, json::const_iterator>> members;
      for (auto it = value.begin(); it != value.end(); ++it) members.emplace_back(Utf16(it.key()), it);
      std::sort(members.begin(), members.end(),
                [](const auto& a, const auto& b) { return a.first < b.first; });
      out.push_back('{');
      bool first = true;
      for (const auto& [order, member] : members) {
        if (!first) out.push_back(',');
        first = false;
        out.append(json(member.key()).dump());
        out.push_back(':');
        CC_RETURN_IF_ERROR(Append(*member, out));
      }
      out.push_back('}');
      return absl::OkStatus();
    }
    case json::value_t::array: {
      out.push_back('[');
      for (size_t i = 0; i < value.size(); ++i) {
        if (i > 0) out.push_back(',');
        CC_RETURN_IF_ERROR(Append(value[i], out));
      }
      out.push_back(']');
      return absl::OkStatus();
    }
    case json::value_t::number_unsigned:
      if (value.get<uint64_t>() > static_cast<uint64_t>(kExact)) break;
      out.append(value.dump());
      return absl::OkStatus();
    case json::value_t::number_integer:
      if (value.get<int64_t>() < -kExact) break;
      out.append(value.dump());
      return absl::OkStatus();
    case json::value_t::number_float:
      out.append(EcmaNumber(value.get<double>()));
      return absl::OkStatus();
    case json::value_t::string:
    case json::value_t::boolean:
    case json::value_t::null:
      out.append(value.dump());
      return absl::OkStatus();
    default:
      return absl::InvalidArgumentError("canonical JSON: a value is of no JSON type");
  }
  return absl::InvalidArgumentError(StrCat("canonical JSON: ", value.dump(), " is beyond 2^53"));
}

}  // namespace

absl::StatusOr<json> ParseJson(std::string_view text, std::string_view what) {
  StructureCheck check;
  if (!json::sax_parse(text.begin(), text.end(), &check)) {
    return absl::InvalidArgumentError(StrCat(what, ": ", check.error()));
  }
  json value = json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  if (value.is_discarded()) return absl::InvalidArgumentError(StrCat(what, ": no valid JSON"));
  return value;
}

absl::StatusOr<json> ParseJsonObject(std::string_view text, std::string_view what) {
  CC_ASSIGN_OR_RETURN(json value, ParseJson(text, what));
  if (!value.is_object()) {
    return absl::InvalidArgumentError(StrCat(what, ": expected a JSON object, got ", value.type_name()));
  }
  return value;
}

absl::StatusOr<std::string> StringMember(const json& object, const std::string& key, std::string_view what) {
  const auto member = object.find(key);
  if (member == object.end())
    return absl::InvalidArgumentError(StrCat(what, ": member '", key, "' is missing"));
  if (!member->is_string()) {
    return absl::InvalidArgumentError(
        StrCat(what, ": member '", key, "' must be a string, not ", member->type_name()));
  }
  return member->get<std::string>();
}

absl::StatusOr<std::string> JsonText(const json& value) {
  try {
    return value.dump();
  } catch (const json::type_error&) {
    return absl::InvalidArgumentError("a text is no valid UTF-8");
  }
}

absl::StatusOr<std::string> CanonicalJson(const json& value) {
  std::string out;
  CC_RETURN_IF_ERROR(Append(value, out));
  return out;
}

}  // namespace cc::jose
