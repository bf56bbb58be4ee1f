// SPDX-License-Identifier: Apache-2.0
// What the user of a key provider says about the key, in upstream's form:
//
//   skopeo copy --encryption-key
//   'provider:attestation-agent:keyid=kbs:///default/key/1::keypath=/home/me/key' …
//
// Pairs separated by "::". (A KBS URI holds "://", never "::".)
#ifndef CC_ATTEST_OCICRYPT_WRAP_PARAMETERS_H_
#define CC_ATTEST_OCICRYPT_WRAP_PARAMETERS_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "attest/resource_uri.h"
#include "attest/wrap.h"

namespace cc::attest {

struct WrapParameters {
  ResourceUri keyid;
  std::string keypath;  // of a file of 32 bytes
  WrapType algorithm = WrapType::kA256Gcm;
};

// InvalidArgument for an unknown, repeated or missing pair. Upstream's `sample=true` (a key printed in its
// source) is refused by name.
absl::StatusOr<WrapParameters> ParseWrapParameters(std::string_view text);

}  // namespace cc::attest

#endif  // CC_ATTEST_OCICRYPT_WRAP_PARAMETERS_H_
