// SPDX-License-Identifier: Apache-2.0
// CCA tokens: CBOR, COSE, claims, signatures. Whatever verifies says what was signed.
#include <nlohmann/json.hpp>

#include "base/fuzz.h"
#include "cca/claims_json.h"
#include "cca/token_samples.h"
#include "cca/verify.h"

namespace cc::fuzz {

Target MakeTarget() {
  using namespace cca;
  Target target;
  for (const TokenForm form : {TokenForm::kCollection, TokenForm::kCmwCollection}) {
    target.seeds.push_back(*MintToken(form, SamplePlatform(), SampleRealm(), SampleCpak(), SampleRak()));
  }
  if (HaveTestData()) target.seeds.push_back(RecordedToken());
  // Both tokens say the same, so whatever verifies says that, too: only what is signed counts.
  const std::string signed_claims =
      ClaimsJson(*VerifyToken(*UnverifiedToken::Parse(target.seeds[0]), SampleAnchors(), SampleChallenge()))
          .dump();
  target.run = [signed_claims](std::string_view input) {
    const auto token = UnverifiedToken::Parse(input);
    if (!token.ok()) return;
    ClaimsJson({.platform = token->platform(), .realm = token->realm()}).dump();
    static const TrustAnchors anchors = SampleAnchors();
    const auto claims = VerifyToken(*token, anchors, SampleChallenge());
    Check(!claims.ok() || ClaimsJson(*claims).dump() == signed_claims, "what verifies is what was signed");
  };
  return target;
}

}  // namespace cc::fuzz
