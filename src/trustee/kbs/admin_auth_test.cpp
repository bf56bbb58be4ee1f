// SPDX-License-Identifier: Apache-2.0
#include "trustee/kbs/admin_auth.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "jose/base64.h"
#include "jose/jws.h"

namespace cc::trustee {
namespace {

using nlohmann::json;

constexpr char kPath[] = "/kbs/v0/resource/a/b/c";

class AdminAuthTest : public ::testing::Test {
 protected:
  std::string Bearer(const json& claims, const jose::Key& key) const {
    return StrCat("Bearer ",
                  *jose::SignCompact(key, *jose::DefaultAlgorithm(key), json::object(), claims.dump()));
  }
  absl::StatusCode Check(const std::string& authorization, const char* path = kPath) const {
    return auth_.Check(authorization, path).status().code();
  }
  const jose::Key ed_ = *jose::Key::Generate(jose::KeyType::kEd25519);
  const jose::Key ec_ = *jose::Key::Generate(jose::KeyType::kP384);
  const jose::Key rsa_ = *jose::Key::Generate(jose::KeyType::kRsa, 2048);
  const AdminAuth auth_{
      {ed_, ec_, rsa_},
      "owner.example",
      "kbs",
      {*AdminRule::Parse("owner /kbs/v0/.*"), *AdminRule::Parse("writer /kbs/v0/resource/.+")},
      [] { return int64_t{1000}; }};
  const json good_ = {{"iss", "owner.example"}, {"aud", "kbs"}, {"exp", 2000}, {"role", "writer"}};
};

TEST_F(AdminAuthTest, DeniesEverythingByDefault) {
  EXPECT_EQ(AdminAuth().Check(Bearer(good_, ed_), kPath).status().code(),
            absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(AdminAuth().Check("", kPath).status().code(), absl::StatusCode::kPermissionDenied);
}

TEST_F(AdminAuthTest, TakesEachKindOfKey) {
  for (const jose::Key& key : {ed_, ec_, rsa_}) EXPECT_EQ(*auth_.Check(Bearer(good_, key), kPath), "writer");
  const std::string pss =
      *jose::SignCompact(rsa_, jose::SignatureAlgorithm::kPs256, json::object(), good_.dump());
  EXPECT_EQ(*auth_.Check(StrCat("Bearer ", pss), kPath), "writer");
}

TEST_F(AdminAuthTest, ARoleReachesItsEndpointsOnly) {
  EXPECT_EQ(Check(Bearer(good_, ed_), "/kbs/v0/resource-policy"), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(Check(Bearer(good_, ed_), "/kbs/v0/resource/"), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(Check(Bearer(good_, ed_), "/x/kbs/v0/resource/a/b/c"), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(Check(Bearer(good_, ed_), std::string("/kbs/v0/resource/" + std::string(4000, 'a')).c_str()),
            absl::StatusCode::kPermissionDenied);
  json owner = good_;
  owner["role"] = "owner";
  EXPECT_EQ(Check(Bearer(owner, ed_), "/kbs/v0/resource-policy"), absl::StatusCode::kOk);
}

TEST_F(AdminAuthTest, WithoutAKnownRoleNothingIsAllowed) {
  for (const json& role : {json(), json("guest"), json(1), json::array({"owner"}), json(""), json("own")}) {
    json claims = good_;
    claims["role"] = role;
    EXPECT_EQ(Check(Bearer(claims, ed_)), absl::StatusCode::kPermissionDenied) << role;
  }
  json claims = good_;
  claims.erase("role");
  EXPECT_EQ(Check(Bearer(claims, ed_)), absl::StatusCode::kPermissionDenied);
}

TEST_F(AdminAuthTest, RefusesForgedForeignAndExpiredTokens) {
  const jose::Key stranger = *jose::Key::Generate(jose::KeyType::kEd25519);
  const auto changed = [&](const char* member, const json& value) {
    json claims = good_;
    claims[member] = value;
    return claims;
  };
  json endless = good_;
  endless.erase("exp");
  const std::string token = Bearer(good_, ed_);
  const std::string cases[] = {"",
                               "Basic b3duZXI6cGFzcw==",
                               "Bearer ",
                               "Bearer x",
                               Bearer(good_, stranger),
                               Bearer(changed("iss", "other"), ed_),
                               Bearer(changed("aud", "other"), ed_),
                               Bearer(changed("exp", 900), ed_),
                               Bearer(changed("nbf", 1500), ed_),
                               Bearer(endless, ed_),
                               StrCat("Bearer ", jose::Base64UrlEncode(R"({"alg":"none"})"), ".",
                                      jose::Base64UrlEncode(good_.dump()), ".")};
  for (const std::string& authorization : cases) {
    EXPECT_EQ(Check(authorization), absl::StatusCode::kUnauthenticated) << authorization;
  }
}

TEST(AdminRuleTest, RefusesRulesThatAreNone) {
  for (const char* text : {"", "owner", "owner ", " /kbs", "owner /kbs/("}) {
    EXPECT_FALSE(AdminRule::Parse(text).ok()) << text;
  }
}

TEST(MintAdminTokenTest, MakesATokenThatIsAccepted) {
  const jose::Key key = *jose::Key::Generate(jose::KeyType::kEd25519);
  const AdminAuth auth({key}, "", "cc-trustee", {*AdminRule::Parse("owner .*")}, [] { return int64_t{50}; });
  EXPECT_TRUE(
      auth.Check(StrCat("Bearer ", *MintAdminToken(key, "owner", "", "cc-trustee", 0, 60)), kPath).ok());
  EXPECT_FALSE(
      auth.Check(StrCat("Bearer ", *MintAdminToken(key, "owner", "", "cc-trustee", -100, 60)), kPath).ok());
}

}  // namespace
}  // namespace cc::trustee
