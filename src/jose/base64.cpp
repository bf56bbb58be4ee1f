// SPDX-License-Identifier: Apache-2.0
#include "jose/base64.h"

#include <array>
#include <cstdint>

#include "base/strings.h"

namespace cc::jose {
namespace {

constexpr std::string_view kStandard = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kUrl = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr uint8_t kNoDigit = 0xff;

constexpr std::array<uint8_t, 256> Inverse(std::string_view alphabet) {
  std::array<uint8_t, 256> inverse{};
  inverse.fill(kNoDigit);
  for (size_t i = 0; i < alphabet.size(); ++i) {
    inverse[static_cast<uint8_t>(alphabet[i])] = static_cast<uint8_t>(i);
  }
  return inverse;
}
constexpr auto kStandardInverse = Inverse(kStandard);
constexpr auto kUrlInverse = Inverse(kUrl);

std::string Encode(std::string_view bytes, std::string_view alphabet) {
  std::string text;
  text.reserve(bytes.size() / 3 * 4 + 4);
  uint32_t buffer = 0;
  unsigned bits = 0;
  for (const char c : bytes) {
    buffer = (buffer << 8) | static_cast<uint8_t>(c);
    bits += 8;
    while (bits >= 6) {
      bits -= 6;
      text.push_back(alphabet[(buffer >> bits) & 0x3f]);
    }
  }
  if (bits > 0) text.push_back(alphabet[(buffer << (6 - bits)) & 0x3f]);
  return text;
}

absl::StatusOr<std::string> Decode(std::string_view text, const std::array<uint8_t, 256>& inverse) {
  if (text.size() % 4 == 1) return absl::InvalidArgumentError("base64: the text is cut short");
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3 + 2);
  uint32_t buffer = 0;
  unsigned bits = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const uint8_t digit = inverse[static_cast<uint8_t>(text[i])];
    if (digit == kNoDigit) {
      return absl::InvalidArgumentError(StrCat("base64: character ", i + 1, " is not of the alphabet"));
    }
    buffer = (buffer << 6) | digit;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes.push_back(static_cast<char>((buffer >> bits) & 0xff));
    }
  }
  if ((buffer & ((1u << bits) - 1)) != 0) {
    return absl::InvalidArgumentError("base64: the last character carries bits of no byte");
  }
  return bytes;
}

}  // namespace

std::string Base64Encode(std::string_view bytes) {
  std::string text = Encode(bytes, kStandard);
  text.append((4 - text.size() % 4) % 4, '=');
  return text;
}

absl::StatusOr<std::string> Base64Decode(std::string_view text) {
  if (text.size() % 4 != 0) return absl::InvalidArgumentError("base64: the length is no multiple of four");
  for (int i = 0; i < 2 && !text.empty() && text.back() == '='; ++i) text.remove_suffix(1);
  return Decode(text, kStandardInverse);
}

std::string Base64UrlEncode(std::string_view bytes) { return Encode(bytes, kUrl); }

absl::StatusOr<std::string> Base64UrlDecode(std::string_view text) { return Decode(text, kUrlInverse); }

}  // namespace cc::jose
