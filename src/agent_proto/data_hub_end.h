// SPDX-License-Identifier: Apache-2.0
// How a data hub that does not run is explained to those who wait for it: by files beside its socket.
#ifndef CC_AGENT_PROTO_DATA_HUB_END_H_
#define CC_AGENT_PROTO_DATA_HUB_END_H_

#include <string_view>

namespace cc::agent_proto {

// Added to the socket's path: the last words of a data hub that ended, written by itself; and why it is
// started no more, written by the agent.
inline constexpr std::string_view kDataHubErrorSuffix = ".error";
inline constexpr std::string_view kDataHubFailedSuffix = ".failed";

}  // namespace cc::agent_proto

#endif  // CC_AGENT_PROTO_DATA_HUB_END_H_
