// SPDX-License-Identifier: Apache-2.0
// Sealed secrets: what an owner puts into a place that a host can read and write (a Kubernetes Secret, an
// environment variable) and what only an attested guest can turn into the secret:
//
//   "sealed." <JWS header> "." <payload> "." <signature>      ES256
//
// The payload either names a resource of the KBS (vault), or holds the secret encrypted under a data key that
// is itself encrypted under a key of the KBS (envelope). For the envelope with provider "kbs",
// `encrypted_key` is the 32-byte data key wrapped by RFC 3394 under the resource `key_id`. (Upstream has no
// such provider for envelopes, only cloud KMSes, which we do not have.)
#ifndef CC_ATTEST_SEALED_SECRET_H_
#define CC_ATTEST_SEALED_SECRET_H_

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "attest/resource_source.h"
#include "attest/resource_uri.h"
#include "base/secret_bytes.h"
#include "jose/key.h"

namespace cc::attest {

// Takes a sealed secret without looking at its signature: a host can then swap one for another.
struct AllowUnverifiedSecret {
  explicit AllowUnverifiedSecret() = default;
};

struct UnsealOptions {
  // Where a header's `kid` that is no KBS URI names a file with a JWK.
  std::string key_directory = "/run/confidential-containers/cdh/sealed-secret";
  std::optional<AllowUnverifiedSecret> unverified;
};

bool IsSealedSecret(std::string_view text);

// Any thread may call. InvalidArgument for a malformed text, PermissionDenied for a wrong signature or key,
// Unimplemented for a provider other than "kbs", and what `resources` says.
absl::StatusOr<SecretBytes> Unseal(std::string_view sealed, ResourceSource& resources,
                                   const UnsealOptions& options);

// The owner's side. `key` is P-256 and private; the KBS or the guest's configuration serves its public JWK as
// `kid`.
absl::StatusOr<std::string> SealVault(const ResourceUri& name, const jose::Key& key, std::string_view kid);
// `kek` has 32 bytes; the KBS serves it as `key_id`.
absl::StatusOr<std::string> SealEnvelope(std::string_view secret, const ResourceUri& key_id,
                                         std::string_view kek, const jose::Key& key, std::string_view kid);

}  // namespace cc::attest

#endif  // CC_ATTEST_SEALED_SECRET_H_
