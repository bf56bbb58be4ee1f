// SPDX-License-Identifier: Apache-2.0
// The initdata that this guest was given, as far as attestation is concerned: the key broker gets its text,
// the evidence must be bound to its digest. What is in it reaches the data hub as aa.toml and cdh.toml.
#ifndef CC_DATAHUB_INIT_DATA_H_
#define CC_DATAHUB_INIT_DATA_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace cc::datahub {

struct InitDataBinding {
  std::string text;    // TOML; empty when only the digest is known
  std::string digest;  // raw, 32, 48 or 64 bytes
};

absl::StatusOr<InitDataBinding> BindingOf(std::string toml);

// From upstream's option --initdata_digest: standard base64. InvalidArgument for what is no digest.
absl::StatusOr<InitDataBinding> BindingOfDigest(std::string_view base64);

}  // namespace cc::datahub

#endif  // CC_DATAHUB_INIT_DATA_H_
