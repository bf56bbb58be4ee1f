// SPDX-License-Identifier: Apache-2.0
// What a host or somebody behind the key broker's address says to the guest: annotations of encrypted layers,
// sealed secrets, answers of the protocol. The first byte chooses the reader.
#include <nlohmann/json.hpp>

#include "attest/kbs/messages.h"
#include "attest/ocicrypt/annotation_packet.h"
#include "attest/ocicrypt/key_provider.h"
#include "attest/ocicrypt/layer_options.h"
#include "attest/ocicrypt/wrap_parameters.h"
#include "attest/resource_uri.h"
#include "attest/sealed_secret.h"
#include "attest/test_keys.h"
#include "base/fuzz.h"
#include "base/strings.h"
#include "jose/base64.h"

namespace cc::fuzz {
namespace {

using namespace attest;

void ReadUri(std::string_view text) {
  const auto uri = ResourceUri::Parse(text);
  if (!uri.ok()) return;
  for (const std::string_view segment : StrSplit(uri->path(), '/')) {
    Check(!segment.starts_with('.'), "no segment of a path climbs");
  }
  Check(uri->ToString().find_first_of(" \r\n\t#\\@") == std::string::npos, "a URI stays one when it is sent");
}

void ReadPacket(std::string_view text) {
  const auto packet = ParseAnnotationPacket(text);
  if (!packet.ok()) return;
  TestKeys keys{{packet->kid.ToString(), std::string(32, 'k')}};
  const bool opens = UnwrapPacket(*packet, keys).ok();
  Check(!opens || packet->wrap_type != WrapType::kA256Gcm, "nobody makes a packet without its key");
}

void ReadLayerOptions(std::string_view text) {
  if (const auto options = ParsePublicLayerOptions(text); options.ok()) {
    Check(options->hmac.size() == kLayerHmacSize, "an HMAC has its size");
  }
  if (const auto options = ParsePrivateLayerOptions(text); options.ok()) {
    Check(options->key.size() == kLayerKeySize, "a key has its size");
  }
}

void ReadSealed(std::string_view text, const std::string& good, TestKeys& keys) {
  const auto secret = Unseal(text, keys, {});
  Check(!secret.ok() || text == good, "a sealed secret that opens is the one that was sealed");
  UnsealOptions unverified;
  unverified.unverified.emplace(AllowUnverifiedSecret{});
  Unseal(text, keys, unverified).status().IgnoreError();
}

void ReadBrokersAnswer(std::string_view text) {
  ParseChallenge(text).status().IgnoreError();
  ParseTokenReply(text).status().IgnoreError();
  SessionCookie(text);
  Check(!KbsError("get", 401, text).ok(), "a refusal is an error");
}

void ReadProvidersMessage(std::string_view text) {
  ParseKeyWrapRequest(text).status().IgnoreError();
  ParseKeyUnwrapRequest(text).status().IgnoreError();
  ParseKeyUnwrapResult(text).status().IgnoreError();
  ParseWrapParameters(text).status().IgnoreError();
}

}  // namespace

Target MakeTarget() {
  const std::string key = jose::Base64Encode(std::string(32, 'k'));
  const std::string nonce = jose::Base64Encode(std::string(16, 'n'));
  const jose::Key signer = *jose::Key::Generate(jose::KeyType::kP256);
  const auto keys =
      std::make_shared<TestKeys>(std::initializer_list<std::pair<const std::string, std::string>>{
          {"kbs:///s/k/1", signer.PublicJwk().dump()}, {"kbs:///a/b/c", "secret"}});
  const std::string sealed = *SealVault(*ResourceUri::Parse("kbs:///a/b/c"), signer, "kbs:///s/k/1");
  return {
      .seeds =
          {"0kbs+plugin://kbs.example:8080/repo/type/tag.1?x=y",
           R"(1{"version":"0.1.0","kid":"kbs:///default/key/1","wrapped_data":"AAAAAAAAAAAAAAAAAAAAAAAAAAA=","iv":"AAAAAAAAAAAAAAAA","wrap_type":"A256GCM","provider":"kbs"})",
           StrCat(R"(2{"cipher":"AES_256_CTR_HMAC_SHA256","hmac":")", key, R"(","cipheroptions":{"nonce":")",
                  nonce, "\"}}"),
           StrCat(R"(2{"symkey":")", key, R"(","digest":"sha256:)", std::string(64, 'a'),
                  R"(","cipheroptions":{"nonce":")", nonce, "\"}}"),
           "3" + sealed, R"(4{"nonce":"bm9uY2U=","extra-params":{"selected-hash-algorithm":"sha512"}})",
           StrCat(R"(4{"token":"e30.)", jose::Base64UrlEncode(R"({"iat":100,"exp":400})"), R"(.c2ln"})"),
           "4kbs-session-id=0a1B; Expires=Wed, 21 Oct 2099 07:28:00 GMT",
           R"(4{"type":"https://x/kbs/errors/PolicyDeny","detail":"no"})",
           R"(5{"op":"keywrap","keywrapparams":{"ec":{"Parameters":{"attestation-agent":["a2V5"]}},"optsdata":[1,2,3]},"keyunwrapparams":{}})",
           R"(5{"op":"keyunwrap","keyunwrapparams":{"dc":null,"annotation":"e30="}})",
           R"(5{"keyunwrapresults":{"optsdata":[1,2,255]}})",
           "5keyid=kbs:///a/b/c::keypath=/k::algorithm=A256CTR"},
      .run = [keys, sealed](std::string_view input) {
        if (input.empty()) return;
        const std::string_view text = input.substr(1);
        switch (input[0]) {
          case '0':
            return ReadUri(text);
          case '1':
            return ReadPacket(text);
          case '2':
            return ReadLayerOptions(text);
          case '3':
            return ReadSealed(text, sealed, *keys);
          case '4':
            return ReadBrokersAnswer(text);
          default:
            return ReadProvidersMessage(text);
        }
      }};
}

}  // namespace cc::fuzz
