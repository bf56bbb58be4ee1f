// SPDX-License-Identifier: Apache-2.0
// Addresses as text, parsed into bytes. Anything malformed is InvalidArgument.
#ifndef CC_NET_ADDRESS_H_
#define CC_NET_ADDRESS_H_

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace cc::net {

struct IpAddress {
  int family = 0;              // AF_INET or AF_INET6
  std::vector<uint8_t> bytes;  // 4 or 16, network order
  uint8_t max_prefix() const { return static_cast<uint8_t>(bytes.size() * 8); }
  bool operator==(const IpAddress&) const = default;
};

struct IpPrefix {
  IpAddress address;
  uint8_t length = 0;
  bool operator==(const IpPrefix&) const = default;
};

using MacAddress = std::array<uint8_t, 6>;

absl::StatusOr<IpAddress> ParseIp(std::string_view text);
// "10.1.0.0/16"; without a slash the whole address.
absl::StatusOr<IpPrefix> ParsePrefix(std::string_view text);
// "02:00:ac:11:00:02", hexadecimal digits of either case.
absl::StatusOr<MacAddress> ParseMac(std::string_view text);

std::string FormatIp(int family, const uint8_t* bytes);
std::string FormatMac(const uint8_t* bytes);

// OK for 1 to 15 characters without '/', ':', blanks or control characters, and not "." or "..".
absl::Status CheckInterfaceName(std::string_view name);

}  // namespace cc::net

#endif  // CC_NET_ADDRESS_H_
