// SPDX-License-Identifier: Apache-2.0
// CoCo's key packet: what the key provider "attestation-agent" puts into a layer's annotation. Version 1 has
// kid, wrapped_data, iv and wrap_type; version 2 (which says "version": "0.1.0") adds a KMS as provider.
#ifndef CC_ATTEST_OCICRYPT_ANNOTATION_PACKET_H_
#define CC_ATTEST_OCICRYPT_ANNOTATION_PACKET_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "attest/resource_source.h"
#include "attest/resource_uri.h"
#include "attest/wrap.h"

namespace cc::attest {

// A packet whose key the KBS has; parsed and checked.
struct AnnotationPacket {
  ResourceUri kid;
  std::string wrapped_data;  // bytes
  std::string iv;            // bytes
  WrapType wrap_type = WrapType::kA256Gcm;
};

// The packet is a host's word. InvalidArgument when it is malformed, Unimplemented for a provider other than
// "kbs" (named in the message).
absl::StatusOr<AnnotationPacket> ParseAnnotationPacket(std::string_view json);

// Version 1, which every reader takes.
std::string ToJson(const AnnotationPacket& packet);

// Fetches the key and unwraps. The key must have 32 bytes.
absl::StatusOr<SecretBytes> UnwrapPacket(const AnnotationPacket& packet, ResourceSource& keys);

// Wraps under `kek` with a fresh IV.
absl::StatusOr<AnnotationPacket> WrapPacket(const ResourceUri& kid, std::string_view kek, WrapType type,
                                            std::string_view data);

}  // namespace cc::attest

#endif  // CC_ATTEST_OCICRYPT_ANNOTATION_PACKET_H_
