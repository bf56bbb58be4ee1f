// SPDX-License-Identifier: Apache-2.0
#include "jose/base64.h"

#include <gtest/gtest.h>

#include <string>

#include "jose/digest.h"

namespace cc::jose {
namespace {

TEST(Base64Test, WritesTheVectorsOfRfc4648) {
  const std::pair<const char*, const char*> cases[] = {{"", ""},
                                                       {"f", "Zg=="},
                                                       {"fo", "Zm8="},
                                                       {"foo", "Zm9v"},
                                                       {"foob", "Zm9vYg=="},
                                                       {"fooba", "Zm9vYmE="},
                                                       {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : cases) {
    EXPECT_EQ(Base64Encode(bytes), text);
    EXPECT_EQ(*Base64Decode(text), bytes);
  }
}

TEST(Base64Test, UrlFormHasNoPaddingAndItsOwnAlphabet) {
  EXPECT_EQ(Base64UrlEncode("\xfb\xff\xfe"), "-__-");
  EXPECT_EQ(Base64Encode("\xfb\xff\xfe"), "+//+");
  EXPECT_EQ(Base64UrlEncode("f"), "Zg");
}

TEST(Base64Test, AllBytesRoundTrip) {
  std::string bytes;
  for (int i = 0; i < 259; ++i) {
    EXPECT_EQ(*Base64UrlDecode(Base64UrlEncode(bytes)), bytes);
    EXPECT_EQ(*Base64Decode(Base64Encode(bytes)), bytes);
    bytes.push_back(static_cast<char>(i));
  }
}

TEST(Base64Test, RefusesEverySecondSpelling) {
  for (const char* text : {"Zg", "Zg=", "Zg===", "Zh==", "Zm9=", "Zg==\n", " Zg==", "Z g=", "Zg==Zg==", "=",
                           "====", "-__-", "Zm9v!", "Z"}) {
    EXPECT_FALSE(Base64Decode(text).ok()) << text;
  }
  for (const char* text : {"Zg==", "Zh", "Zm9", "+//+", "Zg\n", "Z"}) {
    EXPECT_FALSE(Base64UrlDecode(text).ok()) << text;
  }
}

TEST(HexTest, RoundTripsAndRefusesOtherDigits) {
  EXPECT_EQ(ToHex(std::string("\x00\xff\x1a", 3)), "00ff1a");
  EXPECT_EQ(*FromHex("00FF1a"), std::string("\x00\xff\x1a", 3));
  for (const char* text : {"0", "0g", "-1", "0x", " 1", "1 "}) EXPECT_FALSE(FromHex(text).ok()) << text;
}

TEST(DigestTest, KnowsTheThreeHashes) {
  EXPECT_EQ(ToHex(Digest(*ParseHash("SHA-256"), "abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(ToHex(Digest(*ParseHash("sha384"), "abc")).substr(0, 16), "cb00753f45a35e8b");
  EXPECT_EQ(ToHex(Digest(*ParseHash("sha512"), "abc")).substr(0, 16), "ddaf35a193617aba");
  EXPECT_FALSE(ParseHash("md5").ok());
}

}  // namespace
}  // namespace cc::jose
