// SPDX-License-Identifier: Apache-2.0
// Platform tokens whose signature was found right. A platform signs one token for each boot, and every Realm
// on it shows the same bytes; the second time a hash does instead of an ECDSA verification on P-384.
#ifndef CC_CCA_VERIFIED_PLATFORMS_H_
#define CC_CCA_VERIFIED_PLATFORMS_H_

#include <cstddef>
#include <list>
#include <map>
#include <mutex>
#include <string>

#include "absl/status/status.h"
#include "cca/cose_sign1.h"
#include "jose/key.h"

namespace cc::cca {

// Remembers at most `capacity` pairs of message and key, those that were used last. Failures are never
// remembered. Thread-safe.
class VerifiedPlatforms {
 public:
  explicit VerifiedPlatforms(size_t capacity) : capacity_(capacity) {}

  // What message.Verify(key) says. Only a message with the same protected header, payload and signature under
  // the same key is known again.
  absl::Status Verify(const CoseSign1& message, const jose::Key& key);

  // How many are remembered.
  size_t size() const;

 private:
  bool Known(const std::string& pair);
  void Remember(const std::string& pair);

  const size_t capacity_;
  mutable std::mutex mutex_;       // never held while a signature is verified
  std::list<std::string> by_use_;  // the last used first
  // SHA-256 of message and key, with its place in by_use_.
  std::map<std::string, std::list<std::string>::iterator> known_;
};

}  // namespace cc::cca

#endif  // CC_CCA_VERIFIED_PLATFORMS_H_
