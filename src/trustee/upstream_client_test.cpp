// SPDX-License-Identifier: Apache-2.0
// What upstream's kbs-client (Trustee 78962cd4, guest-components 8246e5e0) sent to cc-trustee, recorded on
// the wire and played back byte for byte. The recording is data of ours: see testdata/README.md.
#include <gmock/gmock.h>

#include "jose/jwe.h"
#include "trustee/store/sqlite_store.h"
#include "trustee/test_service.h"

namespace cc::trustee {
namespace {

using ::testing::MatchesRegex;

class UpstreamClientTest : public ServiceTest {
 protected:
  UpstreamClientTest() { config_.session.store = "database"; }

  static json Recording(const std::string& name) {
    const auto text = ReadFile(StrCat(CC_TRUSTEE_TESTDATA, "/", name));
    EXPECT_TRUE(text.ok()) << text.status();
    return json::parse(text.value_or("null"));
  }
  // All of the recorded request but the administrator's token, which is another for each service.
  Response Replay(const json& exchange) {
    const json& request = exchange.at("request");
    std::vector<std::string> headers;
    for (const json& header : request.at("headers")) {
      const std::string name = header[0].get<std::string>();
      const std::string value =
          name == "authorization" ? StrCat("Bearer ", admin_) : header[1].get<std::string>();
      headers.push_back(StrCat(name, ": ", value));
    }
    return Call(request.at("method").get<std::string>(), request.at("target").get<std::string>(),
                request.at("body").get<std::string>(), std::move(headers));
  }
  // Makes the session that the recording used, with its nonce, as /auth would have.
  void OpenRecordedSession(const json& handshake) {
    auto store = SqliteStore::Open(config_.data_dir + "/trustee.db");
    ASSERT_TRUE(store.ok()) << store.status();
    const int64_t expires = now_ + 300;
    const json state = {
        {"state", "authed"},
        {"tee", "sample"},
        {"nonce", json::parse(handshake["auth"]["response"]["body"].get<std::string>())["nonce"]},
        {"expires", expires}};
    ASSERT_TRUE((*store)
                    ->Put(Area::kSession, {{handshake["session"].get<std::string>(), state.dump()}}, expires)
                    .ok());
  }
};

TEST_F(UpstreamClientTest, AdministrationIsUnderstoodAndAnsweredAsRecorded) {
  Start();
  const json recording = Recording("kbs_client_admin.json");
  ASSERT_GT(recording.size(), 8u);
  for (const json& exchange : recording) {
    const Response response = Replay(exchange);
    const std::string what = StrCat(exchange["request"]["method"].get<std::string>(), " ",
                                    exchange["request"]["target"].get<std::string>());
    EXPECT_EQ(response.status, exchange["response"]["status"].get<long>()) << what << " " << response.body;
    // Of refusals the text is ours to change.
    if (response.status != 200) continue;
    EXPECT_EQ(response.body, exchange["response"]["body"].get<std::string>()) << what;
  }
}

// Each kind of guest key: /auth, /attest with evidence over the recorded nonce and key, the resource by
// cookie and by token.
TEST_F(UpstreamClientTest, HandshakesWithEachKindOfKeyEndWithTheResource) {
  Start();
  EndorseSample();
  PutResource("default/key/1", "the secret");
  const json recording = Recording("kbs_client_handshakes.json");
  ASSERT_EQ(recording.size(), 4u);
  for (const json& handshake : recording) {
    const std::string what = handshake["what"].get<std::string>();
    // The client begins with the resource and attests when it is refused.
    if (handshake.contains("before")) {
      EXPECT_EQ(Replay(handshake["before"]).status, 401) << what;
    }
    const Response auth = Replay(handshake["auth"]);
    EXPECT_EQ(auth.status, 200) << auth.body;
    EXPECT_THAT(auth.body, MatchesRegex(R"(\{"nonce":"[-+/A-Za-z0-9]{43}=","extra-params":""\})"));

    OpenRecordedSession(handshake);
    const Response attest = Replay(handshake["attest"]);
    ASSERT_EQ(attest.status, 200) << what << " " << attest.body;
    const std::string token = json::parse(attest.body)["token"].get<std::string>();
    if (!handshake.contains("resource")) continue;

    const jose::Key key = *jose::Key::FromPem(handshake["test_only_tee_key"].get<std::string>());
    const auto algorithm = *jose::ParseKeyAlgorithm(handshake["algorithm"].get<std::string>());
    for (const std::string& proof : {std::string(), StrCat("Authorization: Bearer ", token)}) {
      const json& request = handshake["resource"]["request"];
      const Response resource = proof.empty()
                                    ? Replay(handshake["resource"])
                                    : Call("GET", request["target"].get<std::string>(), "", {proof});
      ASSERT_EQ(resource.status, 200) << what << " " << resource.body;
      const auto plain = jose::DecryptFlattened(key, algorithm, resource.body);
      ASSERT_TRUE(plain.ok()) << plain.status();
      EXPECT_EQ(*plain, "the secret");
      // The recorded answer, which upstream's client has read, has the same members in the same order.
      const auto shape = [](const std::string& jwe) {
        std::string names;
        const auto parsed = nlohmann::ordered_json::parse(jwe);
        for (const auto& [name, value] : parsed.items()) StrAppend(&names, name, " ");
        const auto header =
            nlohmann::ordered_json::parse(*jose::Base64UrlDecode(parsed["protected"].get<std::string>()));
        for (const auto& [name, value] : header.items()) StrAppend(&names, name, " ");
        return names;
      };
      EXPECT_EQ(shape(resource.body), shape(handshake["resource"]["response"]["body"].get<std::string>()));
    }
  }
}

}  // namespace
}  // namespace cc::trustee
