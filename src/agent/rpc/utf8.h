// SPDX-License-Identifier: Apache-2.0
// A protobuf string must be UTF-8; what a container wrote need not be.
#ifndef CC_AGENT_RPC_UTF8_H_
#define CC_AGENT_RPC_UTF8_H_

#include <string>
#include <string_view>

namespace cc::agent {

// `bytes` with each byte that is no part of a valid sequence replaced by '?'.
std::string ToUtf8(std::string_view bytes);

}  // namespace cc::agent

#endif  // CC_AGENT_RPC_UTF8_H_
