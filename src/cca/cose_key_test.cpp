// SPDX-License-Identifier: Apache-2.0
#include "cca/cose_key.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"
#include "cca/cbor_writer.h"

namespace cc::cca {
namespace {

using jose::Key;
using jose::KeyType;

TEST(CoseKey, BothFormsComeBackAsTheSameKey) {
  const std::pair<KeyType, size_t> types[] = {
      {KeyType::kP256, 65}, {KeyType::kP384, 97}, {KeyType::kP521, 133}};
  for (const auto& [type, size] : types) {
    const Key key = Key::Generate(type).value();
    const std::string point = PointOf(key).value();
    EXPECT_EQ(point.size(), size);
    EXPECT_EQ(KeyFromPoint(point).value().Thumbprint(), key.Thumbprint());
    EXPECT_EQ(KeyFromCoseKey(CoseKeyOf(key).value()).value().Thumbprint(), key.Thumbprint());
  }
  EXPECT_EQ(CoseKeyOf(Key::Generate(KeyType::kP384).value()).value().size(), 107u);
  EXPECT_FALSE(PointOf(Key::Generate(KeyType::kEd25519).value()).ok());
}

TEST(CoseKey, RefusesPointsThatAreNone) {
  std::string point = PointOf(Key::Generate(KeyType::kP384).value()).value();
  EXPECT_FALSE(KeyFromPoint("").ok());
  EXPECT_FALSE(KeyFromPoint(point.substr(0, 96)).ok());
  EXPECT_FALSE(KeyFromPoint(point + "x").ok());
  std::string compressed = point;
  compressed[0] = '\x02';
  EXPECT_FALSE(KeyFromPoint(compressed).ok());
  point.back() = static_cast<char>(point.back() ^ 1);
  EXPECT_FALSE(KeyFromPoint(point).ok()) << "not on the curve";
  EXPECT_FALSE(KeyFromPoint('\x04' + std::string(96, '\0')).ok());
}

TEST(CoseKey, RefusesOtherCoseKeys) {
  const std::string point = PointOf(Key::Generate(KeyType::kP256).value()).value();
  const std::string x = point.substr(1, 32);
  const std::string y = point.substr(33);
  const auto key = [&](int64_t kty, int64_t curve) {
    return CborWriter().Map(4).Int(1).Int(kty).Int(-1).Int(curve).Int(-2).Bytes(x).Int(-3).Bytes(y);
  };
  EXPECT_TRUE(KeyFromCoseKey(key(2, 1).str()).ok());
  const std::pair<std::string, const char*> cases[] = {
      {key(1, 1).str(), "not EC2"},
      {key(4, 1).str(), "not EC2"},
      {key(2, 2).str(), "48 are due"},
      {key(2, 8).str(), "curve 8 is not"},
      {key(2, 1).str() + "x", "follow the item"},
      {CborWriter().Map(3).Int(1).Int(2).Int(-1).Int(1).Int(-2).Bytes(x).str(), "y (key -3) is missing"},
      {CborWriter().Map(4).Int(1).Int(2).Int(-1).Int(1).Int(-2).Bytes(x).Int(-3).Raw("\xf5").str(),
       "expected bytes, found bool"},
      {CborWriter()
           .Map(5)
           .Int(1)
           .Int(2)
           .Int(-1)
           .Int(1)
           .Int(-2)
           .Bytes(x)
           .Int(-3)
           .Bytes(y)
           .Int(-4)
           .Bytes(x)
           .str(),
       "private key"},
      {CborWriter().Array(0).str(), "expected map"},
      {std::string(600, 'x'), "at most 512"},
  };
  for (const auto& [bytes, text] : cases) {
    EXPECT_THAT(std::string(MessageOf(KeyFromCoseKey(bytes).status())), testing::HasSubstr(text));
  }
}

}  // namespace
}  // namespace cc::cca
