// SPDX-License-Identifier: Apache-2.0
#ifndef CC_BASE_UTF8_H_
#define CC_BASE_UTF8_H_

#include <string_view>

namespace cc {

// Well-formed UTF-8 by RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF.
bool IsUtf8(std::string_view text);

}  // namespace cc

#endif  // CC_BASE_UTF8_H_
