// SPDX-License-Identifier: Apache-2.0
// The service over a real socket, with the guest's real client and with messages made by hand.
#include "trustee/service.h"

#include <fcntl.h>
#include <gmock/gmock.h>

#include "base/log.h"
#include "trustee/kbs/session.h"
#include "trustee/test_service.h"

namespace cc::trustee {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

constexpr char kKey[] = "/kbs/v0/resource/default/key/1";

TEST_F(ServiceTest, ReleasesAKeyOnlyAfterTheMeasurementIsEndorsed) {
  Start();
  PutResource("default/key/1", "the secret");
  const auto uri = *attest::ResourceUri::Parse("kbs:///default/key/1");
  const auto denied = Guest()->Get(uri);
  ASSERT_FALSE(denied.ok());
  EXPECT_EQ(denied.status().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(std::string(denied.status().message()),
              AllOf(HasSubstr("attestation:"), HasSubstr("abcde is not endorsed")));
  EndorseSample();
  const auto released = Guest()->Get(uri);
  ASSERT_TRUE(released.ok()) << released.status();
  EXPECT_EQ(released->view(), "the secret");
}

TEST_F(ServiceTest, EncryptsToEveryKindOfGuestKeyByCookieAndByToken) {
  Start();
  EndorseSample();
  const std::string secret(100000, 's');
  PutResource("default/key/1", secret);
  for (const auto algorithm :
       {attest::TeeKeyAlgorithm::kEcdhEsA256KwP256, attest::TeeKeyAlgorithm::kEcdhEsA256KwP521,
        attest::TeeKeyAlgorithm::kRsaOaep256}) {
    for (const auto proof : {attest::KbsOptions::Proof::kToken, attest::KbsOptions::Proof::kCookie}) {
      attest::KbsOptions options;
      options.tee_key_algorithm = algorithm;
      options.proof = proof;
      const auto released = Guest(options)->Get(*attest::ResourceUri::Parse("kbs:///default/key/1"));
      ASSERT_TRUE(released.ok()) << released.status();
      EXPECT_EQ(released->view(), secret);
    }
  }
}

TEST_F(ServiceTest, AnswersHaveTheBytesOfTheProtocol) {
  Start();
  EndorseSample();
  const Response auth =
      Call("POST", "/kbs/v0/auth", R"({"version":"0.4.0","tee":"sample","extra-params":""})");
  EXPECT_THAT(auth.body, MatchesRegex(R"(\{"nonce":"[-+/A-Za-z0-9]{43}=","extra-params":""\})"));
  ASSERT_EQ(auth.set_cookies.size(), 1u);
  EXPECT_THAT(auth.set_cookies[0], MatchesRegex("kbs-session-id=[0-9a-f]{32}; Expires=.* GMT"));
  const Session session = Auth();
  const Response attest = Attest(session, Attestation(session.nonce, jwk_));
  EXPECT_EQ(attest.status, 200) << attest.body;
  ASSERT_EQ(attest.set_cookies.size(), 1u);
  EXPECT_THAT(attest.set_cookies[0], MatchesRegex("kbs-session-id=[0-9a-f]{32}; Expires=.* GMT"));
  EXPECT_EQ(StrCat("Cookie: ", SplitOnce(attest.set_cookies[0], ';').first), session.cookie);
  // As upstream's: whoever asks again gets the same.
  const Response again = Attest(session, Attestation(session.nonce, jwk_));
  EXPECT_EQ(again.body, attest.body);
  EXPECT_EQ(again.set_cookies, attest.set_cookies);
  EXPECT_THAT(attest.body, MatchesRegex(R"(\{"token":"[-_A-Za-z0-9]+\.[-_A-Za-z0-9]+\.[-_A-Za-z0-9]+"\})"));
  EXPECT_EQ(Call("GET", kKey, "", {session.cookie}).status, 404);
  const Response none = Call("GET", kKey);
  EXPECT_EQ(none.status, 401);
  EXPECT_THAT(
      none.body,
      HasSubstr(
          R"({"type":"https://github.com/confidential-containers/kbs/errors/TokenNotFound","detail":")"));
}

TEST_F(ServiceTest, EachRefusalHasItsStatusAndType) {
  Start();
  const std::string good = R"({"version":"0.4.0","tee":"sample","extra-params":""})";
  const struct {
    const char* method;
    std::string path;
    std::string body;
    long status;
    const char* type;
  } cases[] = {
      {"POST", "/kbs/v0/auth", R"({"version":"0.3.0","tee":"sample"})", 401, "AttestationError"},
      {"POST", "/kbs/v0/auth", "not json", 400, "SerdeError"},
      {"POST", "/kbs/v0/auth", R"({"version":"0.4.0","tee":"tdx"})", 403, "AttestationError"},
      {"POST", "/kbs/v0/attest", "{}", 401, "AttestationError"},
      {"GET", "/kbs/v0/auth", "", 405, "PluginNotFound"},
      {"GET", "/kbs/v0/nothing/a", "", 404, "PluginNotFound"},
      {"GET", "/kbs/v0/resource/a/b", "", 404, "InvalidRequestPath"},
      {"GET", "/kbs/v0/resource/%2e%2e/b/c", "", 404, "InvalidRequestPath"},
      {"GET", "/elsewhere", "", 404, "InvalidRequestPath"},
      {"POST", kKey, "x", 401, "AdminAuthAccess"},
      {"DELETE", kKey, "", 401, "AdminAuthAccess"},
      {"POST", "/kbs/v0/resource-policy", "{}", 401, "AdminAuthAccess"},
      {"GET", "/kbs/v0/resource-policy", "", 401, "AdminAuthAccess"},
      {"POST", "/kbs/v0/attestation-policy", "{}", 401, "AdminAuthAccess"},
      {"POST", "/kbs/v0/reference-value", "{}", 401, "AdminAuthAccess"},
      {"GET", "/kbs/v0/reference-value/x", "", 401, "AdminAuthAccess"},
      {"GET", "/kbs/v0/explain/x", "", 401, "AdminAuthAccess"},
  };
  for (const auto& test : cases) {
    const Response response = Call(test.method, test.path, test.body);
    EXPECT_EQ(response.status, test.status) << test.method << " " << test.path << " " << response.body;
    EXPECT_EQ(Type(response), test.type) << test.method << " " << test.path;
  }
  EXPECT_EQ(Call("GET", "/healthz").status, 200);
}

TEST_F(ServiceTest, AdministratorsManageResourcesPoliciesAndValues) {
  Start();
  PutResource("default/key/1", "x");
  EXPECT_EQ(Admin("DELETE", kKey).status, 200);
  EXPECT_EQ(Admin("DELETE", kKey).status, 404);
  EXPECT_EQ(Admin("GET", "/kbs/v0/resource-policy").body, R"(["resource-policy"])");
  EXPECT_EQ(SetPolicy("other_cpu", "package policy\ntrust_claims := {\"hardware\": 2}\n").status, 200);
  EXPECT_EQ(Admin("GET", "/kbs/v0/attestation-policy").body, R"(["default_cpu","other_cpu"])");
  Endorse({{"rvps:///a/b:c", {1, 2}}});
  EXPECT_EQ(Admin("GET", "/kbs/v0/reference-value/rvps%3A%2F%2F%2Fa%2Fb%3Ac").body, "[1,2]");
  EXPECT_EQ(Admin("GET", "/kbs/v0/reference-value/rvps:///a/b:c").body, "[1,2]");  // as upstream's client
  EXPECT_EQ(Admin("GET", "/kbs/v0/reference-value/none").status, 404);
  EXPECT_EQ(Admin("GET", "/kbs/v0/resource-policy/").status, 405);
  EXPECT_EQ(Admin("DELETE", "/kbs/v0/reference-value/rvps:%2F%2F%2Fa/b:c").status, 200);
  EXPECT_EQ(Admin("GET", "/kbs/v0/reference-value/rvps%3A%2F%2F%2Fa%2Fb%3Ac").status, 404);
  EXPECT_EQ(Admin("POST", "/kbs/v0/reference-value", "{}").status, 400);
  EXPECT_EQ(Call("POST", kKey, "x", {"Authorization: Bearer a.b.c"}).status, 401);
}

TEST_F(ServiceTest, WithADenyAllConfigurationEvenTheGeneratedKeyIsRefused) {
  Start();
  const std::string token = admin_;
  service_.reset();
  config_.admin.mode = "deny_all";
  Start();
  EXPECT_EQ(Call("POST", kKey, "x", {StrCat("Authorization: Bearer ", token)}).status, 403);
}

TEST_F(ServiceTest, PoliciesThatDoNotCompileChangeNothing) {
  Start();
  EndorseSample();
  PutResource("default/key/1", "x");
  for (const char* text :
       {"package policy\nallow if {", "package other\nallow := true\n", "", "allow = true"}) {
    const Response response = SetPolicy("resource-policy", text);
    EXPECT_EQ(response.status, 400) << text;
    EXPECT_EQ(Type(response), "ParsePolicyError");
  }
  EXPECT_THAT(Detail(SetPolicy("resource-policy", "package policy\n\nallow := := 1\n")),
              HasSubstr("resource-policy.rego:3"));
  EXPECT_EQ(SetPolicy("resource-policy", "package policy\n#" + std::string(1 << 20, 'x')).status, 413);
  EXPECT_EQ(SetPolicy("../x", "package policy\n").status, 400);
  EXPECT_TRUE(Guest()->Get(*attest::ResourceUri::Parse("kbs:///default/key/1")).ok());
}

TEST_F(ServiceTest, APolicyThatLoopsFailsClosedAndTheServiceLives) {
  Start();
  ASSERT_EQ(SetPolicy("default_cpu", R"(package policy
import rego.v1
trust_claims := {"hardware": 2} if {
  some a in numbers.range(1, 1000000)
  some b in numbers.range(1, 1000000)
  a * b == -1
}
)")
                .status,
            200);
  const Session session = Auth();
  const Response response = Attest(session, Attestation(session.nonce, jwk_));
  EXPECT_EQ(response.status, 500);
  EXPECT_EQ(Type(response), "PolicyEngineError");
  EXPECT_EQ(Call("GET", "/healthz").status, 200);
}

TEST_F(ServiceTest, TheResourcePolicySeesPathAndQueryAndDecidesAlone) {
  Start();
  EndorseSample();
  PutResource("default/key/1", "x");
  PutResource("default/key/2", "y");
  ASSERT_EQ(SetPolicy("resource-policy",
                      "package policy\nimport rego.v1\nallow if data[\"resource-path\"][2] == \"1\"\n")
                .status,
            200);
  const auto guest = Guest();
  EXPECT_TRUE(guest->Get(*attest::ResourceUri::Parse("kbs:///default/key/1")).ok());
  const auto denied = guest->Get(*attest::ResourceUri::Parse("kbs:///default/key/2"));
  EXPECT_THAT(std::string(denied.status().message()),
              HasSubstr("rule allow of resource-policy does not hold"));
}

TEST_F(ServiceTest, ExplainsADenialInWords) {
  Start();
  PutResource("default/key/1", "x");
  const Session session = Auth();
  ASSERT_EQ(Attest(session, Attestation(session.nonce, jwk_)).status, 200);
  EXPECT_EQ(Call("GET", kKey, "", {session.cookie}).status, 403);
  const std::string label =
      SessionLabel(session.cookie.substr(std::string("Cookie: kbs-session-id=").size()));
  const Response response = Admin("GET", "/kbs/v0/explain/" + label);
  ASSERT_EQ(response.status, 200) << response.body;
  const json explanation = json::parse(response.body);
  EXPECT_EQ(explanation["decisions"].size(), 2u);
  EXPECT_EQ(explanation["decisions"][0]["outcome"], "contraindicated");
  EXPECT_EQ(explanation["decisions"][0]["claims"]["svn"], "1");
  EXPECT_EQ(explanation["decisions"][1]["outcome"], "denied");
  EXPECT_THAT(explanation["text"].get<std::string>(), HasSubstr("sample measurement abcde is not endorsed"));
  EXPECT_EQ(Admin("GET", "/kbs/v0/explain/0123456789abcdef").status, 404);
}

TEST_F(ServiceTest, AnExpiredReferenceValueIsNamed) {
  Start();
  EndorseSample();
  now_ += 366 * 86400;
  const Session session = Auth();
  const Response response = Attest(session, Attestation(session.nonce, jwk_));
  ASSERT_EQ(response.status, 200);
  EXPECT_THAT(Detail(Call("GET", kKey, "", {session.cookie})), HasSubstr("'launch_digest' has expired"));
}

TEST_F(ServiceTest, RestartKeepsResourcesPoliciesValuesAndTokens) {
  Start();
  EndorseSample();
  PutResource("default/key/1", "the secret");
  const auto token = Guest()->GetToken();
  ASSERT_TRUE(token.ok()) << token.status();
  service_.reset();
  Start();
  const Response response = Call("GET", kKey, "", {StrCat("Authorization: Bearer ", token->token)});
  EXPECT_EQ(response.status, 200) << response.body;
  now_ += 301;
  EXPECT_EQ(Call("GET", kKey, "", {StrCat("Authorization: Bearer ", token->token)}).status, 401);
}

TEST_F(ServiceTest, ReplicasWithOneDatabaseShareSessions) {
  config_.session.store = "database";
  Start();
  EndorseSample();
  PutResource("default/key/1", "x");
  auto replica = Service::Start(config_, [this] { return now_.load(); });
  ASSERT_TRUE(replica.ok()) << replica.status();
  const Session session = Auth();
  const std::string first = std::exchange(url_, StrCat("http://", (*replica)->address()));
  EXPECT_EQ(Attest(session, Attestation(session.nonce, jwk_)).status, 200);
  url_ = first;
  EXPECT_EQ(Call("GET", kKey, "", {session.cookie}).status, 200);
}

TEST_F(ServiceTest, TheLogHasEachDecisionAndNoSecret) {
  const std::string path = dir_.path() + "/log";
  const UniqueFd fd = *OpenFile(path, O_CREAT | O_RDWR | O_APPEND);
  log::Init({.level = log::Level::kDebug, .fd = fd.get(), .component = "trustee"});
  Start();
  PutResource("default/key/1", "the-very-secret");
  const Session denied = Auth();
  ASSERT_EQ(Attest(denied, Attestation(denied.nonce, jwk_)).status, 200);
  EXPECT_EQ(Call("GET", kKey, "", {denied.cookie}).status, 403);
  EndorseSample();
  const Session session = Auth();
  const Response attested = Attest(session, Attestation(session.nonce, jwk_));
  EXPECT_EQ(Call("GET", kKey, "", {session.cookie}).status, 200);
  service_.reset();
  log::Init({});
  const std::string text = *ReadFile(path);
  const std::string id = session.cookie.substr(std::string("Cookie: kbs-session-id=").size());
  EXPECT_THAT(text, HasSubstr("outcome=\"contraindicated\""));
  EXPECT_THAT(text, HasSubstr("outcome=\"denied\""));
  EXPECT_THAT(text, HasSubstr("outcome=\"allowed\""));
  EXPECT_THAT(text, HasSubstr(SessionLabel(id)));
  EXPECT_THAT(text, Not(HasSubstr("the-very-secret")));
  EXPECT_THAT(text, Not(HasSubstr(id)));
  EXPECT_THAT(text, Not(HasSubstr(admin_)));
  EXPECT_THAT(text, Not(HasSubstr(json::parse(attested.body)["token"].get<std::string>())));
}

}  // namespace
}  // namespace cc::trustee
