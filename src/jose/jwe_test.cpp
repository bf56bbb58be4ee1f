// SPDX-License-Identifier: Apache-2.0
#include "jose/jwe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "jose/base64.h"
#include "jose/digest.h"
#include "jose/key_wrap.h"

namespace cc::jose {
namespace {

using nlohmann::json;
using ::testing::MatchesRegex;

struct Case {
  KeyType type;
  KeyAlgorithm algorithm;
};
constexpr Case kCases[] = {{KeyType::kP256, KeyAlgorithm::kEcdhEsA256Kw},
                           {KeyType::kP521, KeyAlgorithm::kEcdhEsA256Kw},
                           {KeyType::kRsa, KeyAlgorithm::kRsaOaep256}};

Key NewKey(KeyType type) { return *Key::Generate(type, 2048); }

TEST(JweTest, RoundTripsTextsOfAnyLength) {
  for (const Case& test : kCases) {
    const Key key = NewKey(test.type);
    for (const size_t size : {0u, 1u, 16u, 100000u}) {
      const std::string secret(size, 's');
      const auto message = EncryptFlattened(*Key::FromJwk(key.PublicJwk()), test.algorithm, secret);
      ASSERT_TRUE(message.ok()) << message.status();
      const auto opened = DecryptFlattened(key, test.algorithm, *message);
      ASSERT_TRUE(opened.ok()) << opened.status();
      EXPECT_EQ(*opened, secret);
    }
  }
}

// Upstream's client rebuilds this text from its parsed members, so order and compactness are wire format.
TEST(JweTest, ProtectedHeaderHasTheOrderThatUpstreamRebuilds) {
  const std::pair<KeyType, const char*> curves[] = {{KeyType::kP256, "P-256"}, {KeyType::kP521, "P-521"}};
  for (const auto& [type, curve] : curves) {
    const json message = json::parse(*EncryptFlattened(NewKey(type), KeyAlgorithm::kEcdhEsA256Kw, "x"));
    EXPECT_THAT(*Base64UrlDecode(message["protected"].get<std::string>()),
                MatchesRegex(StrCat(R"(\{"alg":"ECDH-ES\+A256KW","enc":"A256GCM","epk":\{"crv":")", curve,
                                    R"(","kty":"EC","x":"[-_A-Za-z0-9]+","y":"[-_A-Za-z0-9]+"\}\})")));
    EXPECT_EQ(Base64UrlDecode(message["encrypted_key"].get<std::string>())->size(), 40u);
    EXPECT_EQ(Base64UrlDecode(message["iv"].get<std::string>())->size(), 12u);
    EXPECT_EQ(Base64UrlDecode(message["tag"].get<std::string>())->size(), 16u);
    EXPECT_FALSE(message.contains("aad"));
  }
  const json message = json::parse(*EncryptFlattened(NewKey(KeyType::kRsa), KeyAlgorithm::kRsaOaep256, "x"));
  EXPECT_EQ(*Base64UrlDecode(message["protected"].get<std::string>()),
            R"({"alg":"RSA-OAEP-256","enc":"A256GCM"})");
}

TEST(JweTest, RefusesKeysThatDoNotFit) {
  for (const KeyType type : {KeyType::kP384, KeyType::kEd25519, KeyType::kRsa}) {
    EXPECT_FALSE(EncryptFlattened(NewKey(type), KeyAlgorithm::kEcdhEsA256Kw, "x").ok());
  }
  EXPECT_FALSE(EncryptFlattened(NewKey(KeyType::kP256), KeyAlgorithm::kRsaOaep256, "x").ok());
  EXPECT_FALSE(ParseKeyAlgorithm("RSA1_5").ok());
  EXPECT_FALSE(ParseKeyAlgorithm("dir").ok());
}

TEST(JweTest, AnyChangedPartIsRefused) {
  for (const Case& test : kCases) {
    const Key key = NewKey(test.type);
    const json good = json::parse(*EncryptFlattened(key, test.algorithm, "secret"));
    for (const char* part : {"protected", "encrypted_key", "iv", "ciphertext", "tag"}) {
      json changed = good;
      std::string bytes = *Base64UrlDecode(good[part].get<std::string>());
      bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
      changed[part] = Base64UrlEncode(bytes);
      EXPECT_FALSE(DecryptFlattened(key, test.algorithm, changed.dump()).ok()) << part;
      changed[part] = Base64UrlEncode(bytes.substr(0, bytes.size() - 1));
      EXPECT_FALSE(DecryptFlattened(key, test.algorithm, changed.dump()).ok()) << part;
      changed[part] = "";
      EXPECT_FALSE(DecryptFlattened(key, test.algorithm, changed.dump()).ok()) << part;
      changed.erase(part);
      EXPECT_FALSE(DecryptFlattened(key, test.algorithm, changed.dump()).ok()) << part;
    }
    EXPECT_FALSE(DecryptFlattened(NewKey(test.type), test.algorithm, good.dump()).ok());
  }
}

TEST(JweTest, ReformattedHeaderIsTamperingEvenWhenItMeansTheSame) {
  const Key key = NewKey(KeyType::kP256);
  json message = json::parse(*EncryptFlattened(key, KeyAlgorithm::kEcdhEsA256Kw, "secret"));
  const json header = json::parse(*Base64UrlDecode(message["protected"].get<std::string>()));
  message["protected"] = Base64UrlEncode(header.dump(1));
  EXPECT_EQ(DecryptFlattened(key, KeyAlgorithm::kEcdhEsA256Kw, message.dump()).status().code(),
            absl::StatusCode::kPermissionDenied);
}

TEST(JweTest, HeaderCannotSelectAnotherAlgorithmOrCurve) {
  const Key key = NewKey(KeyType::kP256);
  const json good = json::parse(*EncryptFlattened(key, KeyAlgorithm::kEcdhEsA256Kw, "secret"));
  const json header = json::parse(*Base64UrlDecode(good["protected"].get<std::string>()));
  const json p521 = NewKey(KeyType::kP521).PublicJwk();
  json off_curve = header["epk"];
  off_curve["x"] = off_curve["y"];
  const std::pair<const char*, json> cases[] = {{"alg", "dir"}, {"alg", "RSA-OAEP-256"}, {"enc", "A128GCM"},
                                                {"enc", 1},     {"epk", p521},           {"epk", off_curve},
                                                {"epk", "x"},   {"zip", "DEF"},          {"crit", {"x"}},
                                                {"apu", "AAAA"}};
  for (const auto& [member, value] : cases) {
    json changed = header;
    changed[member] = value;
    json message = good;
    message["protected"] = Base64UrlEncode(changed.dump());
    EXPECT_FALSE(DecryptFlattened(key, KeyAlgorithm::kEcdhEsA256Kw, message.dump()).ok()) << member << value;
  }
  for (const char* text : {"", "null", "[]", "{}", "{\"protected\":1}"}) {
    EXPECT_FALSE(DecryptFlattened(key, KeyAlgorithm::kEcdhEsA256Kw, text).ok()) << text;
  }
}

TEST(KeyWrapTest, AesKeyWrapIsThatOfRfc3394) {
  const std::string kek = *FromHex("000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F");
  const std::string cek = *FromHex("00112233445566778899AABBCCDDEEFF000102030405060708090A0B0C0D0E0F");
  const std::string wrapped =
      *FromHex("28C9F404C4B810F4CBCCB35CFB87F8263F5786E2D80ED326CBC7F0E71A99F43BFB988B9B7A02DD21");
  EXPECT_EQ(*WrapAes256(kek, cek), wrapped);
  EXPECT_EQ(*UnwrapAes256(kek, wrapped), cek);
}

TEST(KeyWrapTest, GcmRefusesShortTags) {
  const std::string key(32, 'k');
  const std::string iv(12, 'i');
  Sealed sealed = *SealAes256Gcm(key, iv, "aad", "text");
  EXPECT_EQ(*OpenAes256Gcm(key, iv, "aad", sealed), "text");
  EXPECT_FALSE(OpenAes256Gcm(key, iv, "AAD", sealed).ok());
  sealed.tag.resize(4);
  EXPECT_FALSE(OpenAes256Gcm(key, iv, "aad", sealed).ok());
}

}  // namespace
}  // namespace cc::jose
