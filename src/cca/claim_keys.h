// SPDX-License-Identifier: Apache-2.0
// Numbers of the CCA attestation token: draft-ffm-rats-cca-token, sections "CCA Attestation Token", "Realm
// Token" and "Platform Token"; RMM specification, section "Realm attestation".
#ifndef CC_CCA_CLAIM_KEYS_H_
#define CC_CCA_CLAIM_KEYS_H_

#include <cstdint>
#include <string_view>

namespace cc::cca {

// The collection. Tag 399: RMM 1.0, values are byte strings. Tag 907: RMM 2.0, values are conceptual message
// wrappers [263, bytes], where 263 is the CoAP content format application/eat+cwt.
inline constexpr uint64_t kTagCollection = 399;
inline constexpr uint64_t kTagCmwCollection = 907;
inline constexpr int64_t kEatCwtContentFormat = 263;
inline constexpr int64_t kPlatformToken = 44234;
inline constexpr int64_t kRealmToken = 44241;

// In both tokens.
inline constexpr int64_t kChallenge = 10;
inline constexpr int64_t kInstanceId = 256;
inline constexpr int64_t kProfile = 265;

inline constexpr int64_t kRealmRpv = 44235;
inline constexpr int64_t kRealmHashAlgorithm = 44236;
inline constexpr int64_t kRealmPublicKey = 44237;
inline constexpr int64_t kRealmRim = 44238;
inline constexpr int64_t kRealmRems = 44239;
inline constexpr int64_t kRealmKeyHashAlgorithm = 44240;
inline constexpr int64_t kRealmMecPolicy = 44243;

inline constexpr int64_t kPlatformLifecycle = 2395;
inline constexpr int64_t kPlatformImplementationId = 2396;
inline constexpr int64_t kPlatformSwComponents = 2399;
inline constexpr int64_t kPlatformVerificationService = 2400;
inline constexpr int64_t kPlatformConfig = 2401;
inline constexpr int64_t kPlatformHashAlgorithm = 2402;

inline constexpr int64_t kComponentType = 1;
inline constexpr int64_t kComponentMeasurement = 2;
inline constexpr int64_t kComponentVersion = 4;
inline constexpr int64_t kComponentSignerId = 5;
inline constexpr int64_t kComponentHashAlgorithm = 6;

// Profiles that are understood. A legacy realm token has no profile claim.
inline constexpr std::string_view kPlatformProfileLegacy = "http://arm.com/CCA-SSD/1.0.0";
inline constexpr std::string_view kPlatformProfile2023 = "tag:arm.com,2023:cca_platform#1.0.0";
inline constexpr std::string_view kPlatformProfile2024 = "tag:arm.com,2024:cca_platform#2.0.0";
inline constexpr std::string_view kRealmProfile2023 = "tag:arm.com,2023:realm#1.0.0";
inline constexpr std::string_view kRealmProfile2024 = "tag:arm.com,2024:realm#2.0.0";

}  // namespace cc::cca

#endif  // CC_CCA_CLAIM_KEYS_H_
