// SPDX-License-Identifier: Apache-2.0
// Bytes that must not outlive their use: keys, plaintext secrets, private options. Overwritten before the
// memory goes back. Move-only, so that every copy is a deliberate call of view(). Never log one.
#ifndef CC_BASE_SECRET_BYTES_H_
#define CC_BASE_SECRET_BYTES_H_

#include <string.h>

#include <string>
#include <string_view>
#include <utility>

namespace cc {

class SecretBytes {
 public:
  SecretBytes() = default;
  explicit SecretBytes(std::string&& bytes) : bytes_(std::move(bytes)) { Wipe(bytes); }
  static SecretBytes CopyOf(std::string_view bytes) { return SecretBytes(std::string(bytes)); }
  // A short string lives inside the object: moving it copies, so the source is wiped.
  SecretBytes(SecretBytes&& other) noexcept : SecretBytes(std::move(other.bytes_)) {}
  SecretBytes& operator=(SecretBytes&& other) noexcept {
    if (this == &other) return *this;
    Wipe(bytes_);
    bytes_ = std::move(other.bytes_);
    Wipe(other.bytes_);
    return *this;
  }
  ~SecretBytes() { Wipe(bytes_); }

  std::string_view view() const { return bytes_; }
  size_t size() const { return bytes_.size(); }
  bool empty() const { return bytes_.empty(); }

 private:
  static void Wipe(std::string& bytes) {
    bytes.resize(bytes.capacity());
    ::explicit_bzero(bytes.data(), bytes.size());
    bytes.clear();
  }

  std::string bytes_;
};

}  // namespace cc

#endif  // CC_BASE_SECRET_BYTES_H_
