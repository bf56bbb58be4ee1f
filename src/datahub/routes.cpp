// SPDX-License-Identifier: Apache-2.0
#include "datahub/routes.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/strings.h"

namespace cc::datahub {
namespace {

// From include/uapi/linux/route.h and ipv6_route.h.
constexpr uint32_t kRouteUp = 0x0001, kRouteReject = 0x0200;

std::vector<std::string_view> Fields(std::string_view line) {
  std::vector<std::string_view> fields;
  size_t at = 0;
  while (at < line.size()) {
    const size_t start = line.find_first_not_of(" \t", at);
    if (start == std::string_view::npos) break;
    at = std::min(line.find_first_of(" \t", start), line.size());
    fields.push_back(line.substr(start, at - start));
  }
  return fields;
}

bool Usable(std::string_view flags, std::string_view interface) {
  uint32_t bits = 0;
  return ParseNumber(flags, &bits, 16) && (bits & kRouteUp) != 0 && (bits & kRouteReject) == 0 &&
         interface != "lo";
}

bool AllZero(std::string_view hex) { return hex.find_first_not_of('0') == std::string_view::npos; }

}  // namespace

bool HasDefaultRoute(std::string_view route4, std::string_view route6) {
  // Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT
  for (std::string_view line : StrSplit(route4, '\n')) {
    const std::vector<std::string_view> f = Fields(line);
    if (f.size() >= 8 && f[1] == "00000000" && f[7] == "00000000" && Usable(f[3], f[0])) return true;
  }
  // destination prefix source prefix gateway metric refcnt use flags iface
  for (std::string_view line : StrSplit(route6, '\n')) {
    const std::vector<std::string_view> f = Fields(line);
    if (f.size() >= 10 && AllZero(f[0]) && f[1] == "00" && Usable(f[8], f[9])) return true;
  }
  return false;
}

bool HasDefaultRoute() {
  return HasDefaultRoute(ReadFile("/proc/net/route").value_or(""),
                         ReadFile("/proc/net/ipv6_route").value_or(""));
}

}  // namespace cc::datahub
