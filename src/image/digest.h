// SPDX-License-Identifier: Apache-2.0
// Content digests. A string from outside becomes a Digest here or nowhere: only sha256 and sha512, lower-case
// hex of the exact length, so a Digest is safe as a path component and in a URL.
#ifndef CC_IMAGE_DIGEST_H_
#define CC_IMAGE_DIGEST_H_

#include <compare>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace cc::image {

enum class HashAlgorithm { kSha256, kSha512 };

class Digest {
 public:
  // "sha256:<64 hex>" or "sha512:<128 hex>".
  static absl::StatusOr<Digest> Parse(std::string_view text);
  static Digest Of(HashAlgorithm algorithm, std::string_view data);

  HashAlgorithm algorithm() const { return algorithm_; }
  const std::string& hex() const { return hex_; }
  std::string ToString() const;  // "sha256:abc…"
  std::string DirName() const;   // "sha256-abc…", for file names
  auto operator<=>(const Digest&) const = default;

 private:
  friend class Hasher;
  Digest(HashAlgorithm algorithm, std::string hex) : algorithm_(algorithm), hex_(std::move(hex)) {}
  HashAlgorithm algorithm_;
  std::string hex_;
};

// Incremental hash. Thread-compatible.
class Hasher {
 public:
  explicit Hasher(HashAlgorithm algorithm);
  Hasher(Hasher&&) noexcept;
  Hasher& operator=(Hasher&&) noexcept;
  ~Hasher();

  void Update(std::string_view data);
  Digest Finish();  // once; Update must not follow

 private:
  struct Context;
  HashAlgorithm algorithm_;
  std::unique_ptr<Context> context_;
};

}  // namespace cc::image

#endif  // CC_IMAGE_DIGEST_H_
