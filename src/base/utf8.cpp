// SPDX-License-Identifier: Apache-2.0
#include "base/utf8.h"

#include <cstddef>
#include <optional>

namespace cc {
namespace {

// What RFC 3629 section 4 allows after a lead byte: how many bytes follow and the range of the first.
struct Tail {
  size_t count = 0;
  unsigned char low = 0x80;
  unsigned char high = 0xbf;
};

std::optional<Tail> TailOf(unsigned char lead) {
  if (lead < 0x80) return Tail{};
  if (lead >= 0xc2 && lead <= 0xdf) return Tail{1};
  if (lead == 0xe0) return Tail{2, 0xa0, 0xbf};
  if (lead == 0xed) return Tail{2, 0x80, 0x9f};
  if (lead >= 0xe1 && lead <= 0xef) return Tail{2};
  if (lead == 0xf0) return Tail{3, 0x90, 0xbf};
  if (lead >= 0xf1 && lead <= 0xf3) return Tail{3};
  if (lead == 0xf4) return Tail{3, 0x80, 0x8f};
  return std::nullopt;
}

}  // namespace

bool IsUtf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    std::optional<Tail> tail = TailOf(static_cast<unsigned char>(text[i]));
    if (!tail.has_value() || text.size() - i - 1 < tail->count) return false;
    for (size_t k = 1; k <= tail->count; ++k) {
      const auto byte = static_cast<unsigned char>(text[i + k]);
      if (byte < tail->low || byte > tail->high) return false;
      tail->low = 0x80;
      tail->high = 0xbf;
    }
    i += 1 + tail->count;
  }
  return true;
}

}  // namespace cc
