// SPDX-License-Identifier: Apache-2.0
#include "attest/sealed_secret.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "attest/test_keys.h"
#include "base/file.h"
#include "base/strings.h"
#include "jose/base64.h"
#include "jose/jws.h"

namespace cc::attest {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

constexpr char kKid[] = "kbs:///default/signing/key";

class SealedSecret : public ::testing::Test {
 protected:
  SealedSecret() {
    resources_.Add(kKid, signer_.PublicJwk().dump());
    resources_.Add("kbs:///default/secret/one", "the secret");
    resources_.Add("kbs:///default/key/kek", kek_);
  }
  std::string Signed(const json& payload, const jose::Key& key) {
    return "sealed." +
           *jose::SignCompact(key, jose::SignatureAlgorithm::kEs256, json{{"kid", kKid}}, payload.dump());
  }
  json Vault() {
    return {{"version", "0.1.0"},
            {"type", "vault"},
            {"provider", "kbs"},
            {"name", "kbs:///default/secret/one"},
            {"annotations", json::object()},
            {"provider_settings", json::object()}};
  }
  absl::Status Refusal(const std::string& text) { return Unseal(text, resources_, {}).status(); }

  jose::Key signer_ = *jose::Key::Generate(jose::KeyType::kP256);
  std::string kek_ = std::string(32, 'K');
  TestKeys resources_{};
};

TEST_F(SealedSecret, UnsealsWhatItSealed) {
  const std::string vault = *SealVault(*ResourceUri::Parse("kbs:///default/secret/one"), signer_, kKid);
  EXPECT_TRUE(IsSealedSecret(vault));
  EXPECT_EQ(Unseal(vault, resources_, {})->view(), "the secret");
  const std::string envelope =
      *SealEnvelope("inside", *ResourceUri::Parse("kbs:///default/key/kek"), kek_, signer_, kKid);
  EXPECT_EQ(envelope.find("inside"), std::string::npos);
  absl::StatusOr<SecretBytes> secret = Unseal(envelope, resources_, {});
  ASSERT_TRUE(secret.ok()) << secret.status();
  EXPECT_EQ(secret->view(), "inside");
}

TEST_F(SealedSecret, TakesTheVerificationKeyFromAFileOfTheGuest) {
  const TempDir directory = *TempDir::Create("/tmp/sealed-test-");
  ASSERT_TRUE(WriteFileAtomic(directory.path() + "/owner.jwk", signer_.PublicJwk().dump()).ok());
  const auto sealed = [&](std::string_view kid) {
    return *SealVault(*ResourceUri::Parse("kbs:///default/secret/one"), signer_, kid);
  };
  EXPECT_EQ(Unseal(sealed("owner.jwk"), resources_, {.key_directory = directory.path()})->view(),
            "the secret");
  for (const char* kid : {"other.jwk", "../owner.jwk", "/etc/passwd", "", "."}) {
    EXPECT_FALSE(Unseal(sealed(kid), resources_, {.key_directory = directory.path()}).ok()) << kid;
  }
}

TEST_F(SealedSecret, RefusesAForgedOne) {
  const std::string genuine = Signed(Vault(), signer_);
  const std::vector<std::string_view> parts = StrSplit(genuine, '.');
  json other = Vault();
  other["name"] = "kbs:///default/secret/two";
  const std::string other_payload = jose::Base64UrlEncode(other.dump());
  EXPECT_TRUE(
      absl::IsPermissionDenied(Refusal(StrCat("sealed.", parts[1], ".", other_payload, ".", parts[3]))));
  EXPECT_TRUE(absl::IsPermissionDenied(Refusal(Signed(Vault(), *jose::Key::Generate(jose::KeyType::kP256)))));
  const std::string none = jose::Base64UrlEncode(json{{"alg", "none"}, {"kid", kKid}}.dump());
  EXPECT_FALSE(Refusal(StrCat("sealed.", none, ".", parts[2], ".", parts[3])).ok());
  EXPECT_FALSE(Refusal(StrCat("sealed.", none, ".", parts[2], ".")).ok());
  const jose::Key wrong_curve = *jose::Key::Generate(jose::KeyType::kP384);
  resources_.Add(kKid, wrong_curve.PublicJwk().dump());
  EXPECT_THAT(std::string(Refusal(genuine).message()), HasSubstr("must be P-256"));
  resources_.Add(kKid, "garbage");
  EXPECT_FALSE(Refusal(genuine).ok());
}

TEST_F(SealedSecret, RefusesBadTextsAndPayloads) {
  for (const char* text : {"", "sealed", "sealed.", "sealed..", "sealed...", "sealed.a.b", "sealed.a.b.c.d",
                           "a.b.c", "sealed.e30.e30.e30", "sealed.!.!.!"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(Refusal(text))) << text << ": " << Refusal(text);
  }
  EXPECT_TRUE(absl::IsInvalidArgument(Refusal("sealed." + std::string(3 << 20, 'a'))));
  const struct {
    json patch;
    const char* message;
  } kCases[] = {
      {{{"version", "0.2.0"}}, "expected 0.1.0"},
      {{{"version", nullptr}}, "'version' is missing"},
      {{{"type", "box"}}, "expected vault or envelope"},
      {{{"provider", "aliyun"}}, "'aliyun' is not supported"},
      {{{"name", nullptr}}, "'name' is missing"},
      {{{"name", "file:///etc/shadow"}}, "scheme"},
      {{{"name", "kbs:///default/secret/two"}}, "no such resource"},
      {{{"type", "envelope"}}, "'key_id' is missing"},
  };
  for (const auto& c : kCases) {
    json payload = Vault();
    payload.merge_patch(c.patch);
    EXPECT_THAT(std::string(Refusal(Signed(payload, signer_)).message()), HasSubstr(c.message)) << c.patch;
  }
}

TEST_F(SealedSecret, RefusesABrokenEnvelope) {
  const std::string sealed =
      *SealEnvelope("inside", *ResourceUri::Parse("kbs:///default/key/kek"), kek_, signer_, kKid);
  const json genuine = json::parse(*jose::Base64UrlDecode(StrSplit(sealed, '.')[2]));
  for (const json& patch :
       std::initializer_list<json>{{{"iv", "AAAA"}},
                                   {{"iv", "AAAAAAAAAAAAAAAA"}},
                                   {{"wrap_type", "A256CBC"}},
                                   {{"encrypted_key", "AAAA"}},
                                   {{"encrypted_key", jose::Base64Encode(std::string(40, 'x'))}},
                                   {{"encrypted_data", "?"}},
                                   {{"encrypted_data", jose::Base64Encode(std::string(22, 'x'))}},
                                   {{"key_id", "kbs:///default/secret/one"}}}) {
    json payload = genuine;
    payload.merge_patch(patch);
    EXPECT_FALSE(Refusal(Signed(payload, signer_)).ok()) << patch;
  }
}

TEST_F(SealedSecret, SignatureIsSkippedOnlyWhenSaidSo) {
  const std::string text =
      StrCat("sealed.fakejwsheader.", jose::Base64UrlEncode(Vault().dump()), ".fakesignature");
  EXPECT_FALSE(Refusal(text).ok());
  UnsealOptions options;
  options.unverified.emplace(AllowUnverifiedSecret{});
  EXPECT_EQ(Unseal(text, resources_, options)->view(), "the secret");
  EXPECT_FALSE(Unseal("sealed.a.b", resources_, options).ok());
}

}  // namespace
}  // namespace cc::attest
