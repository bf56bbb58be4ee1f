// SPDX-License-Identifier: Apache-2.0
// Claims as the JSON object that policies see. Names are upstream's where upstream has one; byte strings are
// standard base64.
#ifndef CC_CCA_CLAIMS_JSON_H_
#define CC_CCA_CLAIMS_JSON_H_

#include <nlohmann/json_fwd.hpp>

#include "cca/claims.h"

namespace cc::cca {

// {"realm": {"cca-realm-…"}, "platform": {"cca-platform-…"}, "init_data": hex of the RPV, "report_data": hex
// of the challenge}. A claim that the token does not have is absent. "cca-platform-lifecycle" is the number,
// "cca-platform-lifecycle-state" its name.
nlohmann::json ClaimsJson(const CcaClaims& claims);

}  // namespace cc::cca

#endif  // CC_CCA_CLAIMS_JSON_H_
