// SPDX-License-Identifier: Apache-2.0
// What guests and clients send to the trust service: the handshake, attestation tokens (EAR), policies,
// reference values. The first byte chooses the reader.
#include <nlohmann/json.hpp>

#include "base/fuzz.h"
#include "base/strings.h"
#include "jose/base64.h"
#include "trustee/attestation/token_issuer.h"
#include "trustee/attestation/token_verifier.h"
#include "trustee/kbs/messages.h"

namespace cc::fuzz {
namespace {

using namespace trustee;
using nlohmann::json;

void ReadAttestation(std::string_view text) {
  auto attestation = ParseAttestation(text);
  if (!attestation.ok()) return;
  const auto items = EvidenceItems(*std::move(attestation), "cca");
  if (!items.ok()) return;
  Check(!items->empty() && items->size() <= 9, "the pieces of evidence have a limit");
  for (const EvidenceItem& item : *items) item.runtime_data.dump();
}

}  // namespace

Target MakeTarget() {
  const jose::Key key = *jose::Key::Generate(jose::KeyType::kP256);
  const Clock clock = [] { return int64_t{5000}; };
  const auto issuer = std::make_shared<TokenIssuer>(*TokenIssuer::Create(key, {}, clock));
  const auto verifier = std::make_shared<TokenVerifier>(
      std::vector<TrustedIssuer>{{.name = "CoCo-Attestation-Service", .keys = {key}}}, clock);
  const std::string token = *issuer->Issue({{"cpu0", {{"ear.status", "affirming"}}}}, "label");
  return {
      .seeds =
          {R"(0{"version":"0.4.0","tee":"cca","extra-params":{"supported-hash-algorithms":["sha256","sha384"]}})",
           R"(1{"init-data":{"format":"toml","body":"eA"},"runtime-data":{"nonce":"bm9uY2U=","tee-pubkey":{"kty":"EC","crv":"P-256","alg":"ECDH-ES+A256KW","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}},"tee-evidence":{"primary_evidence":{"token":[1,2,3]},"additional_evidence":"{\"sampledevice\":{\"svn\":\"1\"}}"}})",
           "2" + token, "3" + issuer->Jwks(),
           StrCat(R"(4{"policy":")", jose::Base64UrlEncode("package policy"), R"("})"),
           StrCat(R"(4{"policy_id":"p","policy":")", jose::Base64UrlEncode("package policy"), R"("})")},
      .run = [issuer, verifier, token](std::string_view input) {
        if (input.empty()) return;
        const std::string_view text = input.substr(1);
        switch (input[0]) {
          case '0':
            return ParseAuth(text).status().IgnoreError();
          case '1':
            return ReadAttestation(text);
          case '2':
            if (const auto claims = verifier->Verify(text); claims.ok()) {
              Check(text.substr(0, text.rfind('.')) == token.substr(0, token.rfind('.')),
                    "only our own token verifies");
              TeeKeyOf(*claims).status().IgnoreError();
            }
            return;
          case '3':
            return ParseJwks(text).status().IgnoreError();
          default:
            ParseResourcePolicy(text).status().IgnoreError();
            return ParseAttestationPolicy(text).status().IgnoreError();
        }
      }};
}

}  // namespace cc::fuzz
