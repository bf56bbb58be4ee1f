// SPDX-License-Identifier: Apache-2.0
// Two services with data directories of their own and one PostgreSQL database.
#include <gmock/gmock.h>

#include "trustee/store/test_postgres.h"
#include "trustee/test_service.h"

namespace cc::trustee {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kKey[] = "/kbs/v0/resource/default/key/1";

class ReplicasTest : public ServiceTest {
 protected:
  void SetUp() override {
    postgres_.Start();
    config_.store.postgres = postgres_.address();
    Start();
    first_url_ = url_;
    Config config = config_;
    config.data_dir = dir_.path() + "/second";
    auto started = Service::Start(config, [this] { return now_.load(); });
    ASSERT_TRUE(started.ok()) << started.status();
    second_ = *std::move(started);
    // Administration by the second one's copy of the shared key.
    second_admin_ = *GeneratedAdminToken(config.data_dir, 3600);
  }
  void UseFirst() { url_ = first_url_; }
  void UseSecond() { url_ = StrCat("http://", second_->address()); }

  TestPostgres postgres_;
  std::unique_ptr<Service> second_;
  std::string first_url_;
  std::string second_admin_;
};

TEST_F(ReplicasTest, AHandshakeBegunAtOneEndsAtTheOther) {
  PutResource("default/key/1", "the secret");
  UseSecond();
  EndorseSample();
  UseFirst();
  const Session session = Auth();
  const json message = Attestation(session.nonce, jwk_);
  UseSecond();
  const Response attested = Attest(session, message);
  ASSERT_EQ(attested.status, 200) << attested.body;
  const std::string bearer =
      StrCat("Authorization: Bearer ", json::parse(attested.body)["token"].get<std::string>());
  UseFirst();
  EXPECT_EQ(Call("GET", kKey, "", {session.cookie}).status, 200);
  EXPECT_EQ(Call("GET", kKey, "", {bearer}).status, 200);
  // Its nonce is used up everywhere: what comes back is the token that was issued.
  EXPECT_EQ(Attest(session, message).body, attested.body);
}

TEST_F(ReplicasTest, PoliciesResourcesAndAdministrationAreOne) {
  EndorseSample();
  admin_ = second_admin_;
  PutResource("default/key/1", "the secret");
  UseSecond();
  EXPECT_TRUE(Guest()->Get(*attest::ResourceUri::Parse("kbs:///default/key/1")).ok());
  UseFirst();
  EXPECT_EQ(SetPolicy("resource-policy", "package policy\ndefault allow = false\n").status, 200);
  UseSecond();
  EXPECT_FALSE(Guest()->Get(*attest::ResourceUri::Parse("kbs:///default/key/1")).ok());
  EXPECT_EQ(Admin("DELETE", kKey).status, 200);
  UseFirst();
  EXPECT_EQ(Admin("DELETE", kKey).status, 404);
}

TEST_F(ReplicasTest, ADatabaseThatIsAwayIs503AndComesBackWithoutARestart) {
  EndorseSample();
  PutResource("default/key/1", "the secret");
  const Session session = Auth();
  postgres_.Kill();
  const std::string auth = json{{"version", "0.4.0"}, {"tee", "sample"}, {"extra-params", ""}}.dump();
  for (const Response& answer :
       {Call("POST", "/kbs/v0/auth", auth), Attest(session, Attestation(session.nonce, jwk_)),
        Call("GET", kKey, "", {session.cookie}), Admin("POST", kKey, "new"),
        Admin("GET", "/kbs/v0/resource-policy")}) {
    EXPECT_EQ(answer.status, 503) << answer.body;
    EXPECT_THAT(Detail(answer), HasSubstr("the database cannot be reached"));
    EXPECT_THAT(answer.body, Not(HasSubstr("trustee dbname")));
  }
  EXPECT_EQ(Call("GET", "/healthz").status, 200);
  postgres_.Start();
  // The session was in the database, and outlived it.
  EXPECT_EQ(Attest(session, Attestation(session.nonce, jwk_)).status, 200);
  EXPECT_EQ(Call("GET", kKey, "", {session.cookie}).status, 200);
  EXPECT_TRUE(Guest()->Get(*attest::ResourceUri::Parse("kbs:///default/key/1")).ok());
}

}  // namespace
}  // namespace cc::trustee
