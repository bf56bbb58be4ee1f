// SPDX-License-Identifier: Apache-2.0
// Percent-encoding (RFC 3986 section 2.1), as gRPC messages and stream URIs have it.
#ifndef CC_SHIM_PERCENT_H_
#define CC_SHIM_PERCENT_H_

#include <string>
#include <string_view>

namespace cc::shim {

// What is no escape stays as it is.
std::string DecodePercent(std::string_view text);
// The same for the query of a URI, where a plus sign is a space.
std::string DecodeQuery(std::string_view text);

}  // namespace cc::shim

#endif  // CC_SHIM_PERCENT_H_
