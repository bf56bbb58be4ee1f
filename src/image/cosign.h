// SPDX-License-Identifier: Apache-2.0
// Signatures of images made with a key by cosign (`cosign sign --key`) or skopeo (`--sign-by-sigstore-…`).
// They lie beside the image as one more manifest under the tag sha256-<digest>.sig: each layer is a signed
// JSON payload, its annotation the signature (sigstore/cosign specs/SIGNATURE_SPEC.md). Certificates of
// Fulcio and entries of Rekor are not looked at: a key of the policy decides.
#ifndef CC_IMAGE_COSIGN_H_
#define CC_IMAGE_COSIGN_H_

#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "image/digest.h"
#include "image/reference.h"
#include "image/registry.h"
#include "image/signed_identity.h"
#include "jose/key.h"

namespace cc::image {

// A requirement "sigstoreSigned" of a policy.
struct SigstoreRequirement {
  std::string scope;            // of the policy, for messages
  std::vector<jose::Key> keys;  // one of them must have signed
  SignedIdentity identity;
};

struct CosignSignature {
  std::string payload;    // JSON, hostile until its signature is verified
  std::string signature;  // ASN.1 DER for EC keys, PKCS#1 v1.5 for RSA; over SHA-256 of the payload
};

// The tag under which signatures of `digest` are stored.
std::string CosignTag(const Digest& digest);

// The signatures at the tag that `signatures` stands for; none when there is no such tag. Entries that are no
// cosign signatures are passed over.
absl::StatusOr<std::vector<CosignSignature>> FetchCosignSignatures(Registry& signatures,
                                                                   std::stop_token stop);

// OK when a signature by a key of the requirement names `image` as its identity allows, and one of `digests`.
// These are digests of the image's index and of its manifest: an index fixes its manifests, so a signature
// over either is one over what runs. Else PermissionDenied, saying what was wrong with each signature.
absl::Status CheckSigned(const SigstoreRequirement& requirement, const Reference& image,
                         const std::vector<Digest>& digests, const std::vector<CosignSignature>& signatures);

}  // namespace cc::image

#endif  // CC_IMAGE_COSIGN_H_
