// SPDX-License-Identifier: Apache-2.0
#include "trustee/kbs/http.h"

#include "base/strings.h"

namespace cc::trustee {

std::string_view BearerToken(std::string_view authorization) {
  const SplitPair parts = SplitOnce(authorization, ' ');
  if (!parts.found || ToLower(parts.first) != "bearer") return {};
  return StrTrim(parts.second);
}

std::string_view CookieValue(std::string_view header, std::string_view name) {
  for (const std::string_view piece : StrSplit(header, ';')) {
    const SplitPair pair = SplitOnce(StrTrim(piece), '=');
    if (pair.found && pair.first == name) return pair.second;
  }
  return {};
}

}  // namespace cc::trustee
