// SPDX-License-Identifier: Apache-2.0
#include "trustee/rvps/corim.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"
#include "cca/cbor_writer.h"
#include "jose/base64.h"
#include "jose/digest.h"
#include "trustee/rvps/reference_values.h"
#include "trustee/rvps/timestamp.h"
#include "trustee/store/memory_store.h"

namespace cc::trustee {
namespace {

using cca::CborWriter;
using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Optional;

constexpr int64_t kNow = 1800000000;
const std::string kUuid = *jose::FromHex("31fb5abf023e4992aa4e95f9c1503bfa");

std::string Digests(const std::vector<std::string>& digests) {
  CborWriter out;
  out.Array(digests.size());
  for (const std::string& digest : digests) out.Array(2).Int(1).Bytes(digest);
  return std::move(out).str();
}

// A measurement with the encoded `key` (unless empty) and the values that the `entries` many pairs in
// `values` give.
std::string Measurement(const std::string& key, size_t entries, const std::string& values) {
  CborWriter out;
  out.Map(key.empty() ? 1 : 2);
  if (!key.empty()) out.Int(0).Raw(key);
  out.Int(1).Map(entries).Raw(values);
  return std::move(out).str();
}

std::string Pair(int64_t key, const std::string& encoded) { return CborWriter().Int(key).Raw(encoded).str(); }

std::string Text(std::string_view text) { return CborWriter().Text(text).str(); }

std::string Uuid() { return CborWriter().Tag(37).Bytes(kUuid).str(); }

// A CoMID with one reference triple for ACME's RoadRunner.
std::string Comid(const std::vector<std::string>& measurements) {
  CborWriter out;
  out.Map(2).Int(1).Map(1).Int(0).Text("tag id");
  out.Int(4).Map(1).Int(0).Array(1).Array(2);
  out.Map(1).Int(0).Map(2).Int(1).Text("ACME").Int(2).Text("RoadRunner");
  out.Array(measurements.size());
  for (const std::string& measurement : measurements) out.Raw(measurement);
  return std::move(out).str();
}

std::string Corim(const std::string& comid, const std::string& validity = "") {
  CborWriter out;
  out.Tag(501).Map(validity.empty() ? 2 : 3).Int(0).Text("corim id");
  out.Int(1).Array(2).Tag(506).Bytes(comid).Tag(505).Bytes("a software identity");
  if (!validity.empty()) out.Int(4).Raw(validity);
  return std::move(out).str();
}

std::string Validity(int64_t from, int64_t to) {
  return CborWriter().Map(2).Int(0).Tag(1).Int(from).Int(1).Tag(1).Int(to).str();
}

TEST(CorimTest, NamesValuesByWhatIdentifiesThem) {
  const std::string raw = Pair(4, CborWriter().Tag(560).Bytes("\x01\x02").str());
  const auto corim =
      ParseCorim(Corim(Comid({Measurement(Uuid(), 1, Pair(2, Digests({"ab", "cd"}))),
                              Measurement(Text("boot"), 3, Pair(11, Text("BL")) + Pair(8, Text("7")) + raw),
                              Measurement(CborWriter().Int(9).str(), 1, raw), Measurement("", 1, raw)})),
                 kNow);
  ASSERT_TRUE(corim.ok()) << corim.status();
  EXPECT_EQ(corim->values,
            (json{{"ACME/RoadRunner/31fb5abf-023e-4992-aa4e-95f9c1503bfa/digests", {"6162", "6364"}},
                  {"ACME/RoadRunner/boot/BL/7/raw_bytes", "0102"},
                  {"ACME/RoadRunner/claim9/raw_bytes", "0102"},
                  {"ACME/RoadRunner/raw_bytes", "0102"}}));
  EXPECT_EQ(corim->not_after, std::nullopt);
}

// Two triples for one key are two states that are good.
TEST(CorimTest, DigestsOfOneNameAreAllEndorsed) {
  const std::string comid = Comid({Measurement(Uuid(), 1, Pair(2, Digests({"a"}))),
                                   Measurement(Uuid(), 1, Pair(2, Digests({"b", "a"})))});
  const auto corim = ParseCorim(Corim(comid), kNow);
  ASSERT_TRUE(corim.ok()) << corim.status();
  EXPECT_EQ(corim->values.begin().value(), (json{"61", "62"}));
}

TEST(CorimTest, OlderOuterTagsAreTakenOff) {
  const std::string plain = Corim(Comid({Measurement(Text("k"), 1, Pair(2, Digests({"a"})))}));
  const std::string tagged = CborWriter().Tag(500).Tag(502).Raw(plain).str();
  EXPECT_EQ(ParseCorim(tagged, kNow)->values, ParseCorim(plain, kNow)->values);
}

TEST(CorimTest, RefusesWhatIsMalformedSignedOrNotValidNow) {
  const std::string good = Comid({Measurement(Text("k"), 1, Pair(2, Digests({"a"})))});
  const auto raw = [](const char* bytes) { return Pair(4, CborWriter().Tag(560).Bytes(bytes).str()); };
  const struct {
    std::string cbor;
    const char* fault;
  } cases[] = {
      {"", "cut short"},
      {Corim(good) + "x", "1 bytes follow"},
      {Corim(good).substr(0, 40), "cut short"},
      {CborWriter().Text("no map").str(), "found text"},
      {CborWriter().Tag(500).Tag(502).Tag(18).Array(0).str(), "it is signed"},
      {CborWriter().Map(1).Int(0).Text("id").str(), "tags (key 1) is missing"},
      {Corim("no CBOR"), "CoMID"},
      {Corim(CborWriter().Map(0).str()), "triples (key 4) is missing"},
      {Corim(Comid({CborWriter().Map(0).str()})), "measurement values (key 1) is missing"},
      {Corim(Comid({Measurement(CborWriter().Tag(37).Bytes("short").str(), 0, "")})), "UUID"},
      {Corim(Comid({Measurement("", 1, Pair(2, Text("x")))})), "digests"},
      {Corim(Comid({Measurement("", 1, raw("a")), Measurement("", 1, raw("b"))})), "two raw values"},
      {Corim(good, Validity(kNow + 1, kNow + 9)), "has not begun"},
      {Corim(good, Validity(kNow - 9, kNow)), "is past"},
      {Corim(good, CborWriter().Map(1).Int(1).Int(5).str()), "no time"},
  };
  for (const auto& test : cases) {
    const auto corim = ParseCorim(test.cbor, kNow);
    ASSERT_FALSE(corim.ok()) << test.fault;
    EXPECT_THAT(std::string(corim.status().message()), HasSubstr(test.fault));
  }
}

TEST(CorimTest, IsRegisteredUntilItsValidityEnds) {
  int64_t now = kNow;
  ReferenceValues values(std::make_shared<MemoryStore>(10), [&now] { return now; });
  const auto message = [](const std::string& cbor) {
    return json{{"version", "0.1.0"}, {"type", "corim"}, {"payload", jose::Base64Encode(cbor)}}.dump();
  };
  const std::string comid = Comid({Measurement(Text("k"), 1, Pair(2, Digests({"a"})))});
  const auto names = values.Register(message(Corim(comid, Validity(kNow - 1, kNow + 100))));
  ASSERT_TRUE(names.ok()) << names.status();
  EXPECT_THAT(*names, ElementsAre("ACME/RoadRunner/k/digests"));
  EXPECT_THAT(*values.Query("ACME/RoadRunner/k/digests"), Optional(std::string(R"(["61"])")));
  now += 100;
  EXPECT_EQ(*values.Query("ACME/RoadRunner/k/digests"), std::nullopt);
  EXPECT_TRUE(values.Expired("ACME/RoadRunner/k/digests"));

  // Nothing in it: nothing is registered, and that is said.
  EXPECT_THAT(std::string(values.Register(message(Corim(Comid({})))).status().message()),
              HasSubstr("0 values"));
  EXPECT_FALSE(values.Register(json{{"type", "corim"}, {"payload", "!"}}.dump()).ok());
}

}  // namespace
}  // namespace cc::trustee
