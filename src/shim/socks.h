// SPDX-License-Identifier: Apache-2.0
// The server's half of SOCKS5 (RFC 1928): no authentication, CONNECT only.
#ifndef CC_SHIM_SOCKS_H_
#define CC_SHIM_SOCKS_H_

#include <chrono>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace cc::shim {

struct SocksTarget {
  std::string host;  // a name, or an address in text form
  uint16_t port = 0;
};

// Reply field of RFC 1928 section 6.
enum class SocksReply : uint8_t {
  kSucceeded = 0,
  kFailure = 1,
  kNotAllowed = 2,
  kHostUnreachable = 4,
  kConnectionRefused = 5,
  kCommandNotSupported = 7,
  kAddressNotSupported = 8,
};

// Greeting and request from a hostile client, all of it within `timeout`. On error the protocol's own refusal
// has been sent where there is one.
absl::StatusOr<SocksTarget> ReadSocksRequest(int fd, std::chrono::milliseconds timeout);

absl::Status SendSocksReply(int fd, SocksReply reply);

}  // namespace cc::shim

#endif  // CC_SHIM_SOCKS_H_
