// SPDX-License-Identifier: Apache-2.0
// For tests: a stream up to its end.
#ifndef CC_SHIM_READ_ALL_H_
#define CC_SHIM_READ_ALL_H_

#include <array>
#include <string>

#include "base/file.h"

namespace cc::shim {

inline std::string ReadAll(int fd) {
  std::string all;
  std::array<char, 65536> buffer;
  while (true) {
    absl::StatusOr<size_t> n = ReadSome(fd, buffer);
    if (!n.ok() || *n == 0) return all;
    all.append(buffer.data(), *n);
  }
}

}  // namespace cc::shim

#endif  // CC_SHIM_READ_ALL_H_
