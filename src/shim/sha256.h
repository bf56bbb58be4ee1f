// SPDX-License-Identifier: Apache-2.0
#ifndef CC_SHIM_SHA256_H_
#define CC_SHIM_SHA256_H_

#include <string>
#include <string_view>

namespace cc::shim {

// SHA-256 of `data` in lower-case hexadecimal. For names only (sockets, directories), not for security.
std::string Sha256Hex(std::string_view data);

}  // namespace cc::shim

#endif  // CC_SHIM_SHA256_H_
