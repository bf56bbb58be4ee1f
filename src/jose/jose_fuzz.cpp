// SPDX-License-Identifier: Apache-2.0
// JSON, JWK, JWS and JWE of strangers. The first byte chooses the reader.
#include <nlohmann/json.hpp>

#include "base/fuzz.h"
#include "jose/base64.h"
#include "jose/json.h"
#include "jose/jwe.h"
#include "jose/jws.h"
#include "jose/jwt.h"

namespace cc::fuzz {
namespace {

using namespace jose;

void ReadJson(std::string_view text) {
  const auto value = ParseJson(text, "input");
  if (!value.ok()) return;
  const auto canonical = CanonicalJson(*value);
  if (!canonical.ok()) return;
  const auto again = ParseJson(*canonical, "canonical");
  Check(again.ok() && *CanonicalJson(*again) == *canonical, "the canonical form is its own canonical form");
}

void ReadBase64(std::string_view text) {
  if (const auto bytes = Base64Decode(text); bytes.ok())
    Check(Base64Encode(*bytes) == text, "one text for each value");
  if (const auto bytes = Base64UrlDecode(text); bytes.ok()) {
    Check(Base64UrlEncode(*bytes) == text, "one URL text for each value");
  }
}

}  // namespace

Target MakeTarget() {
  const Key key = *Key::Generate(KeyType::kP256);
  const nlohmann::json claims = {{"iss", "a"}, {"exp", 4000000000}, {"aud", {"b"}}};
  const std::string jwt =
      *SignCompact(key, SignatureAlgorithm::kEs256, nlohmann::json::object(), claims.dump());
  const std::string jwe = *EncryptFlattened(key, KeyAlgorithm::kEcdhEsA256Kw, "secret");
  return {
      .seeds = {R"(0{"b":[1,-0.5,1e21,"\u20ac\n",null,true],"a":{}})", "1" + key.PublicJwk().dump(),
                "2" + jwt, "3" + jwe, "4aGVsbG8="},
      .run = [key, jwt](std::string_view input) {
        if (input.empty()) return;
        const std::string_view text = input.substr(1);
        switch (input[0]) {
          case '0':
            return ReadJson(text);
          case '1':
            if (const auto read = Key::FromJwkText(text); read.ok()) read->PublicJwk().dump();
            return;
          case '2': {
            PeekCompact(text).status().IgnoreError();
            const bool ok =
                VerifyJwt(text, key, SignatureAlgorithm::kEs256, {.now = 1, .issuer = "a", .audience = "b"})
                    .ok();
            Check(!ok || text.substr(0, text.rfind('.')) == jwt.substr(0, jwt.rfind('.')),
                  "only what was signed verifies");
            return;
          }
          case '3':
            if (const auto secret = DecryptFlattened(key, KeyAlgorithm::kEcdhEsA256Kw, text); secret.ok()) {
              Check(*secret == "secret", "what decrypts is what was encrypted");
            }
            return;
          default:
            return ReadBase64(text);
        }
      }};
}

}  // namespace cc::fuzz
