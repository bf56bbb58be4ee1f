// SPDX-License-Identifier: Apache-2.0
// Which hosts a guest may reach through the shim: the registries of its pod's images, what those are known to
// redirect to, and what the configuration adds.
#ifndef CC_SHIM_EGRESS_RULES_H_
#define CC_SHIM_EGRESS_RULES_H_

#include <cstdint>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace cc::shim {

struct HostPort {
  std::string host;  // lower case; a leading "*." stands for any labels
  uint16_t port = 443;

  auto operator<=>(const HostPort&) const = default;
};

// "host", "host:port", "[v6]:port", with or without "https://" or "http://" (port 80) before it and a path
// behind.
absl::StatusOr<HostPort> ParseHostPort(std::string_view text);

// The registry of an image reference; docker.io when the reference names none.
std::string RegistryOf(std::string_view image);

// Thread-safe.
class EgressRules {
 public:
  // Entries of image.egress_hosts and image.mirrors, registries spoken to in plain HTTP (port 80 when none is
  // given). InvalidArgument names a bad entry.
  absl::Status Allow(const std::vector<std::string>& entries);
  void SetPlainHttp(const std::vector<std::string>& registries);
  // The registry of an image with its known helpers (token service, blob storage).
  absl::Status AllowImage(std::string_view image);

  bool Allows(std::string_view host, uint16_t port) const;

 private:
  mutable std::mutex mutex_;
  std::set<HostPort> allowed_;
  std::set<std::string, std::less<>> plain_http_;
};

}  // namespace cc::shim

#endif  // CC_SHIM_EGRESS_RULES_H_
