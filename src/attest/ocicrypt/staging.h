// SPDX-License-Identifier: Apache-2.0
// Bytes kept in this machine's own memory, written once from front to back, then read once the same way. What
// was read is given back to the system at once, so that the reader's output can take its place.
#ifndef CC_ATTEST_OCICRYPT_STAGING_H_
#define CC_ATTEST_OCICRYPT_STAGING_H_

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/unique_fd.h"

namespace cc::attest {

// Thread-compatible.
class Staging {
 public:
  // `name` is what /proc shows.
  static absl::StatusOr<Staging> Create(const std::string& name);

  absl::Status Append(std::string_view data);
  // All of it in pieces of at most `chunk` bytes, each valid during its call.
  absl::Status Drain(size_t chunk, const std::function<absl::Status(std::string_view)>& body);

 private:
  explicit Staging(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
  uint64_t size_ = 0;
};

}  // namespace cc::attest

#endif  // CC_ATTEST_OCICRYPT_STAGING_H_
