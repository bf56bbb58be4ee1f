// SPDX-License-Identifier: Apache-2.0
#include "net/address.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <sys/socket.h>

#include <algorithm>

#include "base/status.h"
#include "base/strings.h"

namespace cc::net {

absl::StatusOr<IpAddress> ParseIp(std::string_view text) {
  IpAddress out;
  out.family = text.find(':') == std::string_view::npos ? AF_INET : AF_INET6;
  out.bytes.resize(out.family == AF_INET ? 4 : 16);
  if (text.find('\0') != std::string_view::npos ||
      ::inet_pton(out.family, std::string(text).c_str(), out.bytes.data()) != 1) {
    return absl::InvalidArgumentError(StrCat("'", text, "' is no IP address"));
  }
  return out;
}

absl::StatusOr<IpPrefix> ParsePrefix(std::string_view text) {
  const SplitPair pair = SplitOnce(text, '/');
  IpPrefix out;
  CC_ASSIGN_OR_RETURN(out.address, ParseIp(pair.first));
  out.length = out.address.max_prefix();
  uint32_t length = 0;
  if (pair.found) {
    if (!ParseNumber(pair.second, &length) || length > out.length) {
      return absl::InvalidArgumentError(StrCat("'", text, "' has no valid prefix length"));
    }
    out.length = static_cast<uint8_t>(length);
  }
  return out;
}

absl::StatusOr<MacAddress> ParseMac(std::string_view text) {
  const std::vector<std::string_view> parts = StrSplit(text, ':');
  MacAddress out{};
  bool ok = parts.size() == out.size();
  for (size_t i = 0; ok && i < out.size(); ++i) {
    uint32_t byte = 0;
    ok = parts[i].size() == 2 && ParseNumber(parts[i], &byte, 16);
    out[i] = static_cast<uint8_t>(byte);
  }
  if (!ok) return absl::InvalidArgumentError(StrCat("'", text, "' is no hardware address"));
  return out;
}

std::string FormatIp(int family, const uint8_t* bytes) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  return ::inet_ntop(family, bytes, text.data(), text.size()) != nullptr ? text.data() : "";
}

std::string FormatMac(const uint8_t* bytes) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  for (size_t i = 0; i < MacAddress{}.size(); ++i) {
    if (i > 0) out.push_back(':');
    out.push_back(kHex[bytes[i] >> 4]);
    out.push_back(kHex[bytes[i] & 15]);
  }
  return out;
}

absl::Status CheckInterfaceName(std::string_view name) {
  const bool bad = name.empty() || name.size() >= IFNAMSIZ || name == "." || name == ".." ||
                   std::any_of(name.begin(), name.end(), [](char c) {
                     return c <= ' ' || c == '/' || c == ':' || static_cast<unsigned char>(c) >= 0x7f;
                   });
  if (bad) return absl::InvalidArgumentError(StrCat("'", name, "' is no interface name"));
  return absl::OkStatus();
}

}  // namespace cc::net
