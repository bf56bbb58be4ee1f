// SPDX-License-Identifier: Apache-2.0
#include "cca/cbor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"
#include "cca/cbor_map.h"
#include "cca/cbor_writer.h"
#include "jose/digest.h"

namespace cc::cca {
namespace {

std::string Hex(std::string_view text) { return jose::FromHex(text).value(); }

absl::Status ParseStatus(std::string_view bytes, const CborLimits& limits = {}) {
  return CborValue::Parse(bytes, "test", limits).status();
}

TEST(Cbor, ReadsIntegersOfEveryWidth) {
  const std::pair<const char*, int64_t> cases[] = {
      {"00", 0},
      {"17", 23},
      {"1818", 24},
      {"1903e8", 1000},
      {"1a000f4240", 1000000},
      {"1b7fffffffffffffff", INT64_MAX},
      {"20", -1},
      {"3903e7", -1000},
      {"3822", -35},
      {"3b7fffffffffffffff", INT64_MIN},
  };
  for (const auto& [hex, number] : cases) {
    EXPECT_EQ(CborValue::Parse(Hex(hex), "test").value().Int().value(), number) << hex;
  }
  const std::string too_large = Hex("1b8000000000000000");
  EXPECT_FALSE(CborValue::Parse(too_large, "test").value().Int().ok());
}

TEST(Cbor, ReadsStringsAndContainers) {
  const std::string bytes = Hex("d9018fa2018203820a200243aabbcc");
  // 399({1: [3, [10, -1]], 2: h'aabbcc'})
  const CborValue value = CborValue::Parse(bytes, "test").value();
  ASSERT_TRUE(value.IsTag(399));
  const CborMap map = CborMap::Of(value.tagged()).value();
  const auto outer = map.Get(1, "list").value()->Array().value();
  ASSERT_EQ(outer.size(), 2u);
  EXPECT_EQ(outer[1].Array().value()[1].Int().value(), -1);
  EXPECT_EQ(map.Bytes(2, "bytes").value(), "\xaa\xbb\xcc");
  EXPECT_EQ(map.Find(3), nullptr);
}

TEST(Cbor, ReadsTagsInEveryWidth) {
  for (uint64_t number : {0u, 5u, 6u, 18u, 20u, 21u, 23u, 24u, 255u, 256u, 65536u}) {
    const std::string bytes = CborWriter().Tag(number).Int(1).str();
    EXPECT_TRUE(CborValue::Parse(bytes, "test").value().IsTag(number)) << number;
  }
}

TEST(Cbor, EmptyContainersAndEmptyStringsAreItems) {
  for (const char* hex : {"80", "a0", "40", "60", "8180", "a101a0", "8240f6"}) {
    EXPECT_TRUE(ParseStatus(Hex(hex)).ok()) << hex;
  }
}

TEST(Cbor, RefusesWhatATokenNeverHas) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "cut short"},
      {"18", "cut short"},
      {"43aabb", "cut short"},
      {"8201", "cut short"},
      {"a101", "cut short"},
      {"c1", "cut short"},
      {"5bffffffffffffffff00", "cut short"},
      {"9bffffffffffffffff", "cut short"},
      {"bb7fffffffffffffff", "cut short"},
      {"bb8000000000000000", "cut short"},  // twice this many items are none in 64 bits
      {"0000", "follow the item"},
      {"8000", "follow the item"},
      {"a2010a010b", "key 1 occurs twice"},
      {"a201001801ff", "key 1 occurs twice"},  // the same key in a longer encoding
      {"a2616100616100", "key a occurs twice"},
      {"a220002000", "occurs twice"},
      {"a14100f6", "map key is of type bytes"},
      {"a18000", "map key is of type array"},
      {"a1f600", "map key is of type null"},
      {"a1c10000", "map key is of type tag"},
      {"5f42aabb41ccff", "indefinite"},
      {"7f6161ff", "indefinite"},
      {"9f00ff", "indefinite"},
      {"bf0000ff", "indefinite"},
      {"ff", "indefinite"},
      {"f7", "undefined"},
      {"f90000", "floating"},
      {"fa00000000", "floating"},
      {"fb0000000000000000", "floating"},
      {"1c", "not well-formed"},
      {"e0", "not well-formed"},
      {"f8ff", "not well-formed"},
      {"62c328", "UTF-8"},
  };
  for (const auto& [hex, text] : cases) {
    const absl::Status status = ParseStatus(Hex(hex));
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << hex;
    EXPECT_THAT(std::string(MessageOf(status)), testing::HasSubstr(text)) << hex;
  }
}

TEST(Cbor, LimitsHoldBeforeAnythingIsBuilt) {
  const CborLimits limits{.max_bytes = 16, .max_items = 4, .max_depth = 2};
  EXPECT_TRUE(ParseStatus(Hex("8101"), limits).ok());
  EXPECT_TRUE(ParseStatus(Hex("818101"), limits).ok());
  EXPECT_FALSE(ParseStatus(Hex("81818101"), limits).ok());
  EXPECT_TRUE(ParseStatus(Hex("83010101"), limits).ok());
  EXPECT_FALSE(ParseStatus(Hex("8401010101"), limits).ok());
  EXPECT_TRUE(ParseStatus("\x4f" + std::string(15, 'x'), limits).ok());
  EXPECT_FALSE(ParseStatus("\x50" + std::string(16, 'x'), limits).ok());
  EXPECT_FALSE(ParseStatus(std::string(1 << 20, '\x81')).ok());
}

TEST(Cbor, WrongTypesAreNamed) {
  const std::string bytes = Hex("a301614102f603810a");
  const CborValue value = CborValue::Parse(bytes, "test").value();
  const CborMap map = CborMap::Of(value).value();
  EXPECT_THAT(
      std::string(MessageOf(map.Bytes(1, "rim").status())),
      testing::AllOf(testing::HasSubstr("rim (key 1)"), testing::HasSubstr("expected bytes, found text")));
  EXPECT_THAT(std::string(MessageOf(map.Int(2, "n").status())), testing::HasSubstr("found null"));
  EXPECT_THAT(std::string(MessageOf(map.Text(3, "t").status())), testing::HasSubstr("found array"));
  EXPECT_THAT(std::string(MessageOf(map.Text(4, "t").status())), testing::HasSubstr("t (key 4) is missing"));
  EXPECT_FALSE(map.OptionalText(3, "t").ok());
  EXPECT_EQ(map.OptionalText(4, "t").value(), std::nullopt);
  EXPECT_FALSE(CborMap::Of(CborValue::Parse("\x01", "test").value()).ok());
}

TEST(Cbor, AllowOnlyFindsStrangeKeys) {
  const std::string bytes = Hex("a20100616100");
  const CborValue value = CborValue::Parse(bytes, "test").value();
  const CborMap map = CborMap::Of(value).value();
  EXPECT_THAT(std::string(MessageOf(map.AllowOnly({1}))), testing::HasSubstr("unknown key 'a'"));
  EXPECT_THAT(std::string(MessageOf(map.AllowOnly({2}))), testing::HasSubstr("unknown key 1"));
}

TEST(Cbor, WriterMakesTheShortestForm) {
  CborWriter out;
  out.Tag(399).Map(2).Int(44234).Bytes(std::string(24, 'x')).Int(-35).Array(2).Text("ab").Null();
  EXPECT_EQ(jose::ToHex(out.str()),
            "d9018fa219acca5818" + jose::ToHex(std::string(24, 'x')) + "38228262" + "6162f6");
  for (int64_t number : {INT64_MIN, int64_t{-257}, int64_t{-1}, int64_t{0}, int64_t{255}, INT64_MAX}) {
    CborWriter one;
    one.Int(number);
    EXPECT_EQ(CborValue::Parse(one.str(), "test").value().Int().value(), number);
  }
}

}  // namespace
}  // namespace cc::cca
