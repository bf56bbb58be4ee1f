// SPDX-License-Identifier: Apache-2.0
#include "cca/realm/call.h"

#include <charconv>

namespace cc::cca::realm {

std::string HexNumber(uint64_t number) {
  char digits[16];
  const auto end = std::to_chars(digits, digits + sizeof(digits), number, 16).ptr;
  return StrCat("0x", std::string_view(digits, static_cast<size_t>(end - digits)));
}

}  // namespace cc::cca::realm
