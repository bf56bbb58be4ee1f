// SPDX-License-Identifier: Apache-2.0
#include "agent/rpc/utf8.h"

#include <algorithm>

#include "base/utf8.h"

namespace cc::agent {
namespace {

constexpr size_t kMaxSequence = 4;

}  // namespace

std::string ToUtf8(std::string_view bytes) {
  std::string out;
  while (!bytes.empty()) {
    size_t length = 1;
    while (length <= std::min(kMaxSequence, bytes.size()) && !IsUtf8(bytes.substr(0, length))) ++length;
    if (length > std::min(kMaxSequence, bytes.size())) {
      out.push_back('?');
      length = 1;
    } else {
      out.append(bytes.substr(0, length));
    }
    bytes.remove_prefix(length);
  }
  return out;
}

}  // namespace cc::agent
