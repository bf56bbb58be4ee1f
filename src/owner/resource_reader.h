// SPDX-License-Identifier: Apache-2.0
// Reads a resource the way a guest does, to see whether a guest would get it. An administrator's key opens
// nothing here: resources go to attested keys only.
#ifndef CC_OWNER_RESOURCE_READER_H_
#define CC_OWNER_RESOURCE_READER_H_

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "attest/attester/sample_attester.h"
#include "attest/kbs/http.h"
#include "attest/resource_uri.h"
#include "base/secret_bytes.h"
#include "jose/key.h"

namespace cc::owner {

// Attests the machine this runs on. With `sample` a machine without a TEE shows evidence that proves nothing,
// which a trust service refuses unless it was told otherwise.
absl::StatusOr<SecretBytes> ReadAsGuest(const std::string& url, const attest::HttpOptions& http,
                                        const attest::ResourceUri& uri,
                                        std::optional<attest::AllowSampleEvidence> sample);

// With an attestation token and the private key that it names.
absl::StatusOr<SecretBytes> ReadWithToken(const std::string& url, const attest::HttpOptions& http,
                                          const attest::ResourceUri& uri, std::string_view token,
                                          const jose::Key& key);

}  // namespace cc::owner

#endif  // CC_OWNER_RESOURCE_READER_H_
