// SPDX-License-Identifier: Apache-2.0
#include "cca/rpv.h"

#include <algorithm>

#include "base/strings.h"

namespace cc::cca {

absl::StatusOr<Rpv> RpvOf(std::string_view digest) {
  if (digest.size() != 32 && digest.size() != 48 && digest.size() != 64) {
    return absl::InvalidArgumentError(
        StrCat("initdata digest of ", digest.size(), " bytes; sha256, sha384 and sha512 have 32, 48 or 64"));
  }
  Rpv rpv = {};
  std::copy(digest.begin(), digest.end(), rpv.begin());
  return rpv;
}

bool RpvMatches(std::string_view rpv, std::string_view digest) {
  const absl::StatusOr<Rpv> expected = RpvOf(digest);
  return expected.ok() &&
         rpv == std::string_view(reinterpret_cast<const char*>(expected->data()), expected->size());
}

}  // namespace cc::cca
