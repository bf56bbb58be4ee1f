// SPDX-License-Identifier: Apache-2.0
#include "datahub/init_data.h"

#include "base/status.h"
#include "base/strings.h"
#include "cca/rpv.h"
#include "initdata/initdata.h"
#include "jose/base64.h"
#include "jose/digest.h"

namespace cc::datahub {

absl::StatusOr<InitDataBinding> BindingOf(std::string toml) {
  CC_ASSIGN_OR_RETURN(const initdata::InitData parsed, initdata::Parse(toml));
  CC_ASSIGN_OR_RETURN(const jose::Hash hash, jose::ParseHash(parsed.algorithm));
  std::string digest = jose::Digest(hash, toml);
  return InitDataBinding{std::move(toml), std::move(digest)};
}

absl::StatusOr<InitDataBinding> BindingOfDigest(std::string_view base64) {
  absl::StatusOr<std::string> digest = jose::Base64Decode(base64);
  if (!digest.ok()) return Annotate(digest.status(), "initdata digest");
  CC_RETURN_IF_ERROR(cca::RpvOf(*digest).status());
  return InitDataBinding{{}, *std::move(digest)};
}

}  // namespace cc::datahub
