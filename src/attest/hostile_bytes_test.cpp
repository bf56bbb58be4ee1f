// SPDX-License-Identifier: Apache-2.0
// Every parser of foreign bytes against many small changes of a good text: none may crash (the sanitizer
// builds look closer), and what is accepted must hold what the parser promises.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>

#include "attest/kbs/messages.h"
#include "attest/ocicrypt/annotation_packet.h"
#include "attest/ocicrypt/key_provider.h"
#include "attest/ocicrypt/layer_options.h"
#include "attest/ocicrypt/wrap_parameters.h"
#include "attest/resource_uri.h"
#include "attest/sealed_secret.h"
#include "attest/test_keys.h"
#include "base/strings.h"
#include "jose/base64.h"
#include "jose/key.h"

namespace cc::attest {
namespace {

constexpr int kRounds = 3000;

// One to four changes: a byte flipped, replaced, removed, doubled, or a piece cut out.
class Mutator {
 public:
  std::string operator()(std::string text) {
    for (size_t changes = Below(4) + 1; changes > 0 && !text.empty(); --changes) {
      const size_t at = Below(text.size());
      switch (Below(5)) {
        case 0:
          text[at] = static_cast<char>(text[at] ^ (1 << Below(8)));
          break;
        case 1:
          text[at] = R"("\{}[]:,0-e. )"[Below(14)];
          break;
        case 2:
          text.erase(at, 1);
          break;
        case 3:
          text.insert(at, 1, text[at]);
          break;
        default:
          text.erase(at, Below(20));
      }
    }
    return text;
  }

 private:
  size_t Below(size_t limit) { return std::uniform_int_distribution<size_t>(0, limit - 1)(random_); }
  std::mt19937 random_{20261124};
};

template <typename Parse>
void Try(const std::string& good, const Parse& parse) {
  ASSERT_TRUE(parse(good)) << good;
  Mutator mutate;
  for (int i = 0; i < kRounds; ++i) parse(mutate(good));
}

const std::string kKey32 = jose::Base64Encode(std::string(32, 'k'));
const std::string kNonce16 = jose::Base64Encode(std::string(16, 'n'));

TEST(HostileBytes, ResourceUri) {
  Try("kbs+plugin://kbs.example:8080/repo/type/tag.1?x=y", [](const std::string& text) {
    const absl::StatusOr<ResourceUri> uri = ResourceUri::Parse(text);
    if (!uri.ok()) return false;
    for (const std::string_view segment : StrSplit(uri->path(), '/')) EXPECT_NE(segment.substr(0, 1), ".");
    EXPECT_EQ(uri->ToString().find_first_of(" \r\n\t#\\@"), std::string::npos) << text;
    return true;
  });
}

TEST(HostileBytes, LayerOptions) {
  Try(StrCat(R"({"cipher":"AES_256_CTR_HMAC_SHA256","hmac":")", kKey32, R"(","cipheroptions":{"nonce":")",
             kNonce16, "\"}}"),
      [](const std::string& text) {
        const absl::StatusOr<PublicLayerOptions> options = ParsePublicLayerOptions(text);
        if (!options.ok()) return false;
        EXPECT_EQ(options->hmac.size(), kLayerHmacSize);
        EXPECT_TRUE(options->nonce.empty() || options->nonce.size() == kLayerNonceSize);
        return true;
      });
  Try(StrCat(R"({"symkey":")", kKey32, R"(","digest":"sha256:)", std::string(64, 'a'),
             R"(","cipheroptions":{"nonce":")", kNonce16, "\"}}"),
      [](const std::string& text) {
        const absl::StatusOr<PrivateLayerOptions> options = ParsePrivateLayerOptions(text);
        if (!options.ok()) return false;
        EXPECT_EQ(options->key.size(), kLayerKeySize);
        return true;
      });
}

TEST(HostileBytes, KeyPackets) {
  Try(R"({"version":"0.1.0","kid":"kbs:///default/key/1","wrapped_data":"AAAAAAAAAAAAAAAAAAAAAAAAAAA=","iv":"AAAAAAAAAAAAAAAA","wrap_type":"A256GCM","provider":"kbs"})",
      [](const std::string& text) {
        const absl::StatusOr<AnnotationPacket> packet = ParseAnnotationPacket(text);
        if (!packet.ok()) return false;
        EXPECT_EQ(packet->iv.size(), WrapIvSize(packet->wrap_type));
        TestKeys keys{{"kbs:///default/key/1", std::string(32, 'k')}};
        EXPECT_FALSE(UnwrapPacket(*packet, keys).ok() && packet->wrap_type == WrapType::kA256Gcm);
        return true;
      });
  Try(R"({"op":"keywrap","keywrapparams":{"ec":{"Parameters":{"attestation-agent":["a2V5"]}},"optsdata":[1,2,3]},"keyunwrapparams":{}})",
      [](const std::string& text) { return ParseKeyWrapRequest(text).ok(); });
  Try(R"({"op":"keyunwrap","keyunwrapparams":{"dc":null,"annotation":"e30="}})",
      [](const std::string& text) { return ParseKeyUnwrapRequest(text).ok(); });
  Try(R"({"keyunwrapresults":{"optsdata":[1,2,255]}})",
      [](const std::string& text) { return ParseKeyUnwrapResult(text).ok(); });
  Try("keyid=kbs:///a/b/c::keypath=/k::algorithm=A256CTR",
      [](const std::string& text) { return ParseWrapParameters(text).ok(); });
}

TEST(HostileBytes, BrokersMessages) {
  Try(R"({"nonce":"bm9uY2U=","extra-params":{"selected-hash-algorithm":"sha512"}})",
      [](const std::string& text) {
        const absl::StatusOr<Challenge> challenge = ParseChallenge(text);
        if (!challenge.ok()) return false;
        EXPECT_FALSE(challenge->nonce.empty());
        return true;
      });
  const std::string jwt = StrCat("e30.", jose::Base64UrlEncode(R"({"iat":100,"exp":400})"), ".c2ln");
  Try(StrCat(R"({"token":")", jwt, "\"}"), [](const std::string& text) {
    const absl::StatusOr<Token> token = ParseTokenReply(text);
    if (!token.ok()) return false;
    EXPECT_EQ(token->text.find_first_of(" \r\n"), std::string::npos);
    return true;
  });
  Try("kbs-session-id=0a1B; Expires=Wed, 21 Oct 2099 07:28:00 GMT",
      [](const std::string& text) { return SessionCookie(text).has_value(); });
  Try(R"({"type":"https://x/kbs/errors/PolicyDeny","detail":"no"})",
      [](const std::string& text) { return !KbsError("get", 401, text).message().empty(); });
}

TEST(HostileBytes, SealedSecrets) {
  const jose::Key signer = *jose::Key::Generate(jose::KeyType::kP256);
  TestKeys keys{{"kbs:///s/k/1", signer.PublicJwk().dump()}, {"kbs:///a/b/c", "secret"}};
  const std::string good = *SealVault(*ResourceUri::Parse("kbs:///a/b/c"), signer, "kbs:///s/k/1");
  UnsealOptions unverified;
  unverified.unverified.emplace(AllowUnverifiedSecret{});
  Try(good, [&](const std::string& text) { return Unseal(text, keys, unverified).ok(); });
  // With the signature checked, no changed text passes.
  Try(good, [&](const std::string& text) {
    const bool ok = Unseal(text, keys, {}).ok();
    EXPECT_EQ(ok, text == good);
    return ok;
  });
}

}  // namespace
}  // namespace cc::attest
