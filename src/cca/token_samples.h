// SPDX-License-Identifier: Apache-2.0
// For tests: well-formed claims to start from, keys that are made once, and the recorded token.
#ifndef CC_CCA_TOKEN_SAMPLES_H_
#define CC_CCA_TOKEN_SAMPLES_H_

#include <string>

#include "base/file.h"
#include "cca/claim_keys.h"
#include "cca/claims.h"
#include "cca/testdata.h"
#include "cca/token.h"
#include "cca/trust_anchors.h"

namespace cc::cca {

inline const jose::Key& SampleCpak() {
  static const jose::Key key = jose::Key::Generate(jose::KeyType::kP384).value();
  return key;
}

inline const jose::Key& SampleRak() {
  static const jose::Key key = jose::Key::Generate(jose::KeyType::kP384).value();
  return key;
}

inline std::string SampleChallenge() { return std::string(64, 'c'); }

inline PlatformClaims SamplePlatform() {
  return {.profile = std::string(kPlatformProfile2023),
          .challenge = std::string(32, 'b'),
          .implementation_id = std::string(32, 'i'),
          .instance_id = "\x01" + std::string(32, 'n'),
          .config = "cfg",
          .lifecycle = 0x3003,
          .sw_components = {{.type = "BL",
                             .measurement = std::string(32, 'm'),
                             .version = "1.0",
                             .signer_id = std::string(32, 's'),
                             .hash_algorithm = "sha-256"},
                            {.measurement = std::string(48, 'm'), .signer_id = std::string(64, 's')}},
          .verification_service = "https://example.org/verify",
          .hash_algorithm = "sha-256"};
}

inline RealmClaims SampleRealm() {
  RealmClaims claims = {.profile = std::string(kRealmProfile2023),
                        .challenge = SampleChallenge(),
                        .rpv = std::string(64, 'p'),
                        .hash_algorithm = "sha-512",
                        .rim = std::string(64, 'r'),
                        .public_key_hash_algorithm = "sha-256"};
  for (std::string& rem : claims.rems) rem = std::string(64, 'e');
  return claims;
}

inline TrustAnchors SampleAnchors() {
  TrustAnchors anchors;
  const PlatformClaims platform = SamplePlatform();
  anchors.Add(platform.instance_id, platform.implementation_id, SampleCpak()).IgnoreError();
  return anchors;
}

inline std::string RecordedToken() { return ReadFile(TestDataPath("token-sha256.cbor")).value(); }

inline TrustAnchors RecordedAnchors() {
  TrustAnchors anchors;
  const auto key = jose::Key::FromJwkText(ReadFile(TestDataPath("cpak-pub.json")).value());
  anchors.Add(AnyPlatform{}, key.value()).IgnoreError();
  return anchors;
}

}  // namespace cc::cca

#endif  // CC_CCA_TOKEN_SAMPLES_H_
