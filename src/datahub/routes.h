// SPDX-License-Identifier: Apache-2.0
// Whether this machine can reach anything beyond its own links.
#ifndef CC_DATAHUB_ROUTES_H_
#define CC_DATAHUB_ROUTES_H_

#include <string_view>

namespace cc::datahub {

// `route4` and `route6` have the form of /proc/net/route and /proc/net/ipv6_route.
bool HasDefaultRoute(std::string_view route4, std::string_view route6);

// Reads the two files; one that is missing has no routes.
bool HasDefaultRoute();

}  // namespace cc::datahub

#endif  // CC_DATAHUB_ROUTES_H_
