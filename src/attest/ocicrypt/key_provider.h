// SPDX-License-Identifier: Apache-2.0
// The messages of ocicrypt's key provider protocol, as a program on stdin/stdout or as an RPC's bytes field
// carries them. Go writes bytes as base64 texts; Rust writes results as lists of numbers and reads nothing
// else; both forms are read here, and results are written as lists, which Go reads too.
#ifndef CC_ATTEST_OCICRYPT_KEY_PROVIDER_H_
#define CC_ATTEST_OCICRYPT_KEY_PROVIDER_H_

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/secret_bytes.h"

namespace cc::attest {

struct KeyWrapRequest {
  SecretBytes options;  // what is to be wrapped
  // By provider name, as the user gave them: skopeo --encryption-key provider:attestation-agent:<parameter>.
  std::map<std::string, std::vector<std::string>> parameters;
};

// InvalidArgument for anything but a well-formed request of that operation.
absl::StatusOr<KeyWrapRequest> ParseKeyWrapRequest(std::string_view json);
absl::StatusOr<std::string> ParseKeyUnwrapRequest(std::string_view json);  // the annotation's bytes
std::string KeyUnwrapRequest(std::string_view annotation);

std::string KeyWrapResult(std::string_view annotation);
SecretBytes KeyUnwrapResult(std::string_view options);
absl::StatusOr<std::string> ParseKeyWrapResult(std::string_view json);
absl::StatusOr<SecretBytes> ParseKeyUnwrapResult(std::string_view json);

}  // namespace cc::attest

#endif  // CC_ATTEST_OCICRYPT_KEY_PROVIDER_H_
