// SPDX-License-Identifier: Apache-2.0
#include "attest/ocicrypt/encrypted_layer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "attest/ocicrypt/annotation_packet.h"
#include "attest/ocicrypt/layer_options.h"
#include "attest/test_keys.h"
#include "base/strings.h"
#include "jose/base64.h"
#include "jose/digest.h"

namespace cc::attest {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

constexpr char kKid[] = "kbs:///default/key/1";
const std::string kOurs = "org.opencontainers.image.enc.keys.provider.attestation-agent";
const std::string kPublic = "org.opencontainers.image.enc.pubopts";

class EncryptedLayer : public ::testing::Test {
 protected:
  EncryptedLayer() {
    secrets_.key = SecretBytes(std::string(32, 'k'));
    secrets_.nonce = std::string(16, 'n');
    secrets_.hmac = std::string(32, 'h');
    secrets_.plain_digest = "sha256:" + std::string(64, 'a');
  }
  Annotations Seal(WrapType type = WrapType::kA256Gcm) {
    absl::StatusOr<Annotations> annotations = SealLayer(secrets_, *ResourceUri::Parse(kKid), kek_, type);
    EXPECT_TRUE(annotations.ok()) << annotations.status();
    return *annotations;
  }
  // The packet of `annotations` with members replaced; null removes one.
  static void Edit(Annotations& annotations, const std::string& name, const json& patch) {
    json object = json::parse(*jose::Base64Decode(annotations[name]));
    object.merge_patch(patch);
    annotations[name] = jose::Base64Encode(object.dump());
  }

  LayerSecrets secrets_;
  std::string kek_ = std::string(32, 'K');
  TestKeys keys_{{kKid, kek_}};
  KbsKeyUnwrapper unwrapper_{keys_};
};

TEST_F(EncryptedLayer, OpensWhatItSealed) {
  for (const WrapType type : {WrapType::kA256Gcm, WrapType::kA256Ctr}) {
    absl::StatusOr<LayerSecrets> opened = OpenLayer(Seal(type), unwrapper_);
    ASSERT_TRUE(opened.ok()) << opened.status();
    EXPECT_EQ(opened->key.view(), secrets_.key.view());
    EXPECT_EQ(opened->nonce, secrets_.nonce);
    EXPECT_EQ(opened->hmac, secrets_.hmac);
    // A256CTR proves nothing, so the plaintext's digest has to.
    EXPECT_EQ(opened->plain_digest, type == WrapType::kA256Gcm ? "" : secrets_.plain_digest);
  }
}

TEST_F(EncryptedLayer, WritesTheFieldsUpstreamReads) {
  const Annotations annotations = Seal();
  const json packet = json::parse(*jose::Base64Decode(annotations.at(kOurs)));
  EXPECT_EQ(packet.size(), 4u);
  EXPECT_EQ(packet["kid"], kKid);
  EXPECT_EQ(packet["wrap_type"], "A256GCM");
  EXPECT_EQ(jose::Base64Decode(packet["iv"].get<std::string>())->size(), 12u);
  const json open = json::parse(*jose::Base64Decode(annotations.at(kPublic)));
  EXPECT_EQ(open, (json{{"cipher", "AES_256_CTR_HMAC_SHA256"},
                        {"hmac", jose::Base64Encode(secrets_.hmac)},
                        {"cipheroptions", json::object()}}));
}

// As CDH writes it; the host in the kid is of no account.
TEST_F(EncryptedLayer, ReadsAVersion2PacketUnderAnotherProviderName) {
  Annotations annotations = Seal();
  Edit(annotations, kOurs,
       {{"version", "0.1.0"},
        {"provider", "kbs"},
        {"provider_settings", json::object()},
        {"annotations", json::object()},
        {"kid", "kbs://kbs.example:8080/default/key/1"}});
  annotations["org.opencontainers.image.enc.keys.provider.other"] = annotations[kOurs];
  annotations.erase(kOurs);
  EXPECT_TRUE(OpenLayer(annotations, unwrapper_).ok());
}

TEST_F(EncryptedLayer, TriesTheNextPacket) {
  Annotations annotations = Seal();
  annotations[kOurs] = "bm90IGpzb24=," + annotations[kOurs];
  EXPECT_TRUE(OpenLayer(annotations, unwrapper_).ok());
}

TEST_F(EncryptedLayer, RefusesBadPackets) {
  const struct {
    json patch;
    const char* message;
  } kCases[] = {
      {{{"kid", nullptr}}, "'kid' is missing"},
      {{{"kid", 7}}, "'kid' must be a string"},
      {{{"kid", "http:///a/b/c"}}, "scheme"},
      {{{"kid", "kbs:///default/key/../x"}}, "path"},
      {{{"iv", nullptr}}, "'iv' is missing"},
      {{{"iv", "AAAA"}}, "'iv' has 3 bytes, must have 12"},
      {{{"iv", "not base64"}}, "'iv' is no base64"},
      {{{"wrap_type", nullptr}}, "'wrap_type' is missing"},
      {{{"wrap_type", "A128CBC"}}, "known are A256GCM and A256CTR"},
      {{{"wrapped_data", nullptr}}, "'wrapped_data' is missing"},
      {{{"wrapped_data", ""}}, "too short for the tag"},
      {{{"version", "0.2.0"}}, "expected 0.1.0"},
      {{{"provider", "aliyun"}}, "'aliyun' is not supported"},
      {{{"iv", "AAAAAAAAAAAAAAAA"}}, "unwrap the layer key with kbs:///default/key/1"},
      {{{"kid", "kbs:///default/key/2"}}, "no such resource"},
      {{{"kid", "kbs:///default/key/short"}}, "the key has 5 bytes, must have 32"},
      {{{"kid", "kbs:///default/key/wrong"}}, "unwrap the layer key"},
  };
  keys_.Add("kbs:///default/key/short", "short");
  keys_.Add("kbs:///default/key/wrong", std::string(32, 'W'));
  for (const auto& c : kCases) {
    Annotations annotations = Seal();
    Edit(annotations, kOurs, c.patch);
    const absl::Status status = OpenLayer(annotations, unwrapper_).status();
    EXPECT_FALSE(status.ok()) << c.patch;
    EXPECT_THAT(std::string(status.message()), HasSubstr(c.message)) << c.patch;
  }
}

TEST_F(EncryptedLayer, RefusesAWrappedKeyCutAnywhere) {
  const Annotations sealed = Seal();
  const json packet = json::parse(*jose::Base64Decode(sealed.at(kOurs)));
  const std::string wrapped = *jose::Base64Decode(packet["wrapped_data"].get<std::string>());
  for (size_t size = 0; size < wrapped.size(); size += 7) {
    Annotations annotations = sealed;
    Edit(annotations, kOurs, {{"wrapped_data", jose::Base64Encode(wrapped.substr(0, size))}});
    EXPECT_FALSE(OpenLayer(annotations, unwrapper_).ok()) << size;
  }
}

TEST_F(EncryptedLayer, RefusesBadAnnotationsBeforeAskingForAKey) {
  const Annotations sealed = Seal();
  const struct {
    std::string name, value;
    const char* message;
  } kCases[] = {
      {kPublic, "", "public options of the encrypted layer: no valid JSON"},
      {kPublic, "!", "no base64"},
      {kPublic, jose::Base64Encode("{}"), "'cipher' is missing"},
      {kPublic, jose::Base64Encode(R"({"cipher":"AES_256_CTR_HMAC_SHA256"})"), "'hmac' is missing"},
      {kPublic, jose::Base64Encode(R"({"cipher":"AES_256_CTR_HMAC_SHA256","hmac":""})"),
       "'hmac' must be 32 bytes"},
      {kPublic, jose::Base64Encode(R"({"cipher":"AES_256_CTR_HMAC_SHA256","hmac":"AAAA"})"),
       "'hmac' must be 32"},
      {kPublic, jose::Base64Encode(R"({"cipher":"","hmac":"","cipheroptions":{}})"),
       "cipher '' is not supported"},
      {kPublic, jose::Base64Encode(std::string(20000, ' ')), "longer than"},
  };
  for (const auto& c : kCases) {
    Annotations annotations = sealed;
    annotations[c.name] = c.value;
    EXPECT_THAT(std::string(OpenLayer(annotations, unwrapper_).status().message()), HasSubstr(c.message));
  }
  for (const std::string& name : {kOurs, kPublic}) {
    Annotations annotations = sealed;
    annotations.erase(name);
    EXPECT_THAT(std::string(OpenLayer(annotations, unwrapper_).status().message()),
                HasSubstr("no annotation " + name));
  }
  EXPECT_EQ(keys_.asked(), 0);
  Annotations jwe = sealed;
  jwe.erase(kOurs);
  jwe["org.opencontainers.image.enc.keys.jwe"] = "e30=";
  EXPECT_EQ(OpenLayer(jwe, unwrapper_).status().code(), absl::StatusCode::kUnimplemented);
  Annotations many = sealed;
  for (int i = 0; i < 20; ++i) many[kOurs] += ",e30=";
  EXPECT_THAT(std::string(OpenLayer(many, unwrapper_).status().message()), HasSubstr("more than 16"));
}

TEST_F(EncryptedLayer, ANonceIsTakenOnlyFromWhereNobodyElseCanWriteIt) {
  Annotations annotations = Seal();
  Edit(annotations, kPublic, {{"cipheroptions", {{"nonce", jose::Base64Encode(std::string(16, 'x'))}}}});
  EXPECT_TRUE(absl::IsPermissionDenied(OpenLayer(annotations, unwrapper_).status()));

  secrets_.nonce.clear();
  Annotations open_nonce = Seal();
  EXPECT_THAT(std::string(OpenLayer(open_nonce, unwrapper_).status().message()), HasSubstr("name no nonce"));
  Edit(open_nonce, kPublic, {{"cipheroptions", {{"nonce", jose::Base64Encode(std::string(16, 'x'))}}}});
  absl::StatusOr<LayerSecrets> opened = OpenLayer(open_nonce, unwrapper_);
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(opened->plain_digest, secrets_.plain_digest);

  secrets_.nonce = std::string(16, 'n');
  secrets_.plain_digest.clear();
  EXPECT_TRUE(absl::IsPermissionDenied(OpenLayer(Seal(WrapType::kA256Ctr), unwrapper_).status()));
  EXPECT_TRUE(OpenLayer(Seal(), unwrapper_).ok());
}

TEST_F(EncryptedLayer, AWrongKeyReadsTheSameUnderBothWrappings) {
  keys_.Add("kbs:///default/key/wrong", std::string(32, 'W'));
  for (const WrapType type : {WrapType::kA256Gcm, WrapType::kA256Ctr}) {
    Annotations annotations = Seal(type);
    Edit(annotations, kOurs, {{"kid", "kbs:///default/key/wrong"}});
    const absl::Status status = OpenLayer(annotations, unwrapper_).status();
    EXPECT_TRUE(absl::IsPermissionDenied(status)) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("wrong key or tampered data"));
  }
}

TEST_F(EncryptedLayer, TheTrustServicesReasonReachesTheUser) {
  keys_.set_error(absl::PermissionDeniedError("attestation: measurement 01ab is not endorsed"));
  const absl::Status status = OpenLayer(Seal(), unwrapper_).status();
  EXPECT_TRUE(absl::IsPermissionDenied(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("attestation: measurement 01ab is not endorsed"));
}

// Made once with Python's cryptography package, from the description of the format alone: an independent
// writer.
constexpr char kForeignPublic[] =
    "eyJjaXBoZXIiOiJBRVNfMjU2X0NUUl9ITUFDX1NIQTI1NiIsImhtYWMiOiIxeit1VnRqREVEWTBrTTBoOWM0VHROb0ZhZFVW"
    "N0NhRHozZjd0enRneXpvPSIsImNpcGhlcm9wdGlvbnMiOnt9fQ==";
constexpr char kForeignGcmPacket[] =
    "eyJraWQiOiJrYnM6Ly8vZGVmYXVsdC9rZXkvMSIsIndyYXBwZWRfZGF0YSI6IlBDQ2xZcWlPcDJLdmU3WEM4cXdSSlBxSDYz"
    "NlpHREEzYXdpWHlWNVpkZjU3VWRheHhZd2kxaUQ5VEtMTTdCNTNsQzVaM1REdW52Z1R0VTV3ZjRhR210SUc1QW03c0JSVUtt"
    "NmJDOW01YklwZXZ2MVdGVk5yVzhyT3JQb2J5WXUvL3NBNDBKSW44Q2o5SkFlTExVSVZIdHRSVThqUjhFQ3JlSnh1cU9IU0RX"
    "aUtNV09pMExUNk1UelphbzBmdVNXeVhwR1JXa1ZsK2lYaUxNcE5nZkNIZ2YzMCt6ZlQzWjA3NFNDTXlvM0cxTkQ1aDVsMysr"
    "Y24rVlNRbExCTStKV09ibTlaWVRjaWRTV1o5enpxanBqVXZmVT0iLCJpdiI6IkFBRUNBd1FGQmdjSUNRb0wiLCJ3cmFwX3R5"
    "cGUiOiJBMjU2R0NNIn0=";
constexpr char kForeignCtrPacket[] =
    "eyJ2ZXJzaW9uIjoiMC4xLjAiLCJraWQiOiJrYnM6Ly8vZGVmYXVsdC9rZXkvMSIsIndyYXBwZWRfZGF0YSI6IklVeDNMbVdR"
    "Rk8vU0ZIZDBRWWJQMnhtaWZKK3E1amNXQm5tSkhUSFZWWU5tSkE4V1VJajg2dSs0T09xaGV2SGQ3THcrSWtLb21zMUZZamw1"
    "bmdHZUtTeHhBRjJRTERzZitwZjFIS0x4NEZ5SlJyWTNZUDVkY2NNOVpzWHJZR1lpVkNNTXN3TmdyTWpyWHBMKzUvQUZ0WXhi"
    "cHpYbyt1WENrc202R1RMRUw0aGRxK1lHV0Nvc3FnR0pweHAyWXBCYXJPdTV6REFZYmc1TE5meFNQZnQ1UlRkVnNDUjVxTVF0"
    "QUJpTWtCVmVIZkFoY1k0T0RncUNBTHJmU0h6ck90VzVBdz09IiwicHJvdmlkZXIiOiJrYnMiLCJpdiI6IkFBRUNBd1FGQmdj"
    "SUNRb0xEQTBPRHc9PSIsIndyYXBfdHlwZSI6IkEyNTZDVFIiLCJwcm92aWRlcl9zZXR0aW5ncyI6e30sImFubm90YXRpb25z"
    "Ijp7fX0=";
constexpr char kForeignCiphertext[] = "yqG1vYmC3lPWelYatqNIYzs0a84xwPuOwWf9UA==";

TEST(ForeignLayer, IsDecrypted) {
  std::string kek;
  for (char c = 0; c < 32; ++c) kek.push_back(c);
  TestKeys keys{{kKid, kek}};
  KbsKeyUnwrapper unwrapper(keys);
  for (const char* packet : {kForeignGcmPacket, kForeignCtrPacket}) {
    absl::StatusOr<LayerSecrets> secrets = OpenLayer({{kOurs, packet}, {kPublic, kForeignPublic}}, unwrapper);
    ASSERT_TRUE(secrets.ok()) << secrets.status();
    const std::string ciphertext = *jose::Base64Decode(kForeignCiphertext);
    std::string_view rest = ciphertext;
    std::string plain;
    const absl::Status status = LayerDecryptor(*std::move(secrets))
                                    .Decrypt([&] { return std::exchange(rest, std::string_view()); },
                                             [&](std::string_view piece) {
                                               plain.append(piece);
                                               return absl::OkStatus();
                                             });
    EXPECT_TRUE(status.ok()) << status;
    EXPECT_EQ(plain, "This would be a tar stream.\n");
  }
}

TEST(LayerOptions, RefusesBadPrivateOptions) {
  const std::string key = jose::Base64Encode(std::string(32, 'k'));
  const struct {
    std::string text;
    const char* message;
  } kCases[] = {
      {"", "no valid JSON"},
      {"[]", "expected a JSON object"},
      {R"({"digest":""})", "'symkey' is missing"},
      {R"({"symkey":"AAAA","digest":""})", "'symkey' must be 32 bytes"},
      {R"({"symkey":")" + key + R"("})", "'digest' is missing"},
      {R"({"symkey":")" + key + R"(","digest":"md5:00"})", "'digest' must be sha256"},
      {R"({"symkey":")" + key + R"(","digest":"","cipheroptions":[]})", "'cipheroptions' must be an object"},
      {R"({"symkey":")" + key + R"(","digest":"","cipheroptions":{"nonce":"AA=="}})",
       "'nonce' must be 16 bytes"},
      {R"({"symkey":")" + key + R"(","symkey":")" + key + R"(","digest":""})", "twice"},
  };
  for (const auto& c : kCases) {
    EXPECT_THAT(std::string(ParsePrivateLayerOptions(c.text).status().message()), HasSubstr(c.message))
        << c.text;
  }
  EXPECT_TRUE(
      ParsePrivateLayerOptions(R"({"symkey":")" + key + R"(","digest":"","cipheroptions":null})").ok());
}

TEST(EncryptedMediaType, NamesTheTypesWeDecrypt) {
  EXPECT_EQ(*EncryptedMediaType("application/vnd.oci.image.layer.v1.tar"),
            "application/vnd.oci.image.layer.v1.tar+encrypted");
  EXPECT_EQ(*EncryptedMediaType("application/vnd.oci.image.layer.v1.tar+zstd"),
            "application/vnd.oci.image.layer.v1.tar+zstd+encrypted");
  EXPECT_EQ(*EncryptedMediaType("application/vnd.docker.image.rootfs.diff.tar.gzip"),
            "application/vnd.oci.image.layer.v1.tar+gzip+encrypted");
  EXPECT_FALSE(EncryptedMediaType("application/vnd.oci.image.layer.v1.tar+gzip+encrypted").ok());
  EXPECT_FALSE(EncryptedMediaType("text/plain").ok());
}

}  // namespace
}  // namespace cc::attest
