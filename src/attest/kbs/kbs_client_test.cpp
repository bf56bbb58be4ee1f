// SPDX-License-Identifier: Apache-2.0
#include "attest/kbs/kbs_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "attest/attester/sample_attester.h"
#include "attest/kbs/test_kbs.h"
#include "base/file.h"
#include "base/socket.h"
#include "base/strings.h"
#include "base/tcp.h"
#include "jose/jws.h"

namespace cc::attest {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

using Resources = TestKbs::Resources;

const ResourceUri kUri = *ResourceUri::Parse("kbs:///default/key/1");

std::unique_ptr<KbsClient> Client(const std::string& url, KbsOptions options = {}) {
  options.url = url;
  options.wait = [](std::chrono::milliseconds) {};
  absl::StatusOr<std::unique_ptr<KbsClient>> client =
      KbsClient::Create(std::move(options), std::make_shared<SampleAttester>(AllowSampleEvidence{}));
  EXPECT_TRUE(client.ok()) << client.status();
  return *std::move(client);
}

class KbsClientKeys : public ::testing::TestWithParam<TeeKeyAlgorithm> {};

TEST_P(KbsClientKeys, FetchesAResourceByTokenAndByCookie) {
  for (const KbsOptions::Proof proof : {KbsOptions::Proof::kToken, KbsOptions::Proof::kCookie}) {
    TestKbs kbs(Resources{{"default/key/1", std::string("a key\0with NUL", 14)}});
    std::unique_ptr<KbsClient> client =
        Client(kbs.url() + "/", {.tee_key_algorithm = GetParam(), .proof = proof});
    absl::StatusOr<SecretBytes> resource = client->Get(kUri);
    ASSERT_TRUE(resource.ok()) << resource.status();
    EXPECT_EQ(resource->view(), std::string_view("a key\0with NUL", 14));
    const TestKbs::Request request = kbs.Requests("/resource/default/key/1").at(0);
    EXPECT_EQ(request.method, "GET");
    EXPECT_EQ(request.cookie.empty(), proof == KbsOptions::Proof::kToken);
    EXPECT_EQ(request.authorization.empty(), proof == KbsOptions::Proof::kCookie);
  }
}
INSTANTIATE_TEST_SUITE_P(All, KbsClientKeys,
                         ::testing::Values(TeeKeyAlgorithm::kEcdhEsA256KwP256,
                                           TeeKeyAlgorithm::kEcdhEsA256KwP521, TeeKeyAlgorithm::kRsaOaep256));

TEST(KbsClient, SendsTheMessagesOfVersion040) {
  TestKbs kbs(Resources{{"default/key/1", "k"}});
  ASSERT_TRUE(Client(kbs.url(), {.init_data = "version = \"0.1.0\"\n"})->Get(kUri).ok());
  EXPECT_EQ(
      kbs.Requests("/auth").at(0).body,
      R"({"version":"0.4.0","tee":"sample","extra-params":{"supported-hash-algorithms":["sha256","sha384","sha512"]}})");
  const json attest = json::parse(kbs.Requests("/attest").at(0).body);
  EXPECT_EQ(attest.size(), 3u);
  EXPECT_EQ(attest["init-data"], (json{{"format", "toml"}, {"body", "version = \"0.1.0\"\n"}}));
  EXPECT_EQ(attest["runtime-data"].size(), 2u);
  const json key = attest["runtime-data"]["tee-pubkey"];
  EXPECT_EQ(key.size(), 5u);
  EXPECT_EQ(key["kty"], "EC");
  EXPECT_EQ(key["crv"], "P-256");
  EXPECT_EQ(key["alg"], "ECDH-ES+A256KW");
  EXPECT_EQ(key["x"].get<std::string>().size(), 43u);
  EXPECT_EQ(attest["tee-evidence"].size(), 2u);
  EXPECT_EQ(attest["tee-evidence"]["additional_evidence"], "");
}

TEST(KbsClient, AttestsOnceForAllThreadsAndResources) {
  TestKbs kbs(Resources{{"default/key/1", "one"}, {"default/key/2", "two"}});
  std::unique_ptr<KbsClient> client = Client(kbs.url());
  std::vector<std::thread> threads;
  std::atomic<int> good = 0;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      const absl::StatusOr<SecretBytes> got =
          client->Get(*ResourceUri::FromPath(StrCat("default/key/", i % 2 + 1)));
      if (got.ok() && got->view() == (i % 2 == 0 ? "one" : "two")) ++good;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 8);
  EXPECT_EQ(kbs.Requests("/auth").size(), 1u);
  EXPECT_EQ(kbs.Requests("/attest").size(), 1u);
}

TEST(KbsClient, AttestsAgainWhenTheTokenIsOldOrNoLongerAccepted) {
  TestKbs kbs(Resources{{"default/key/1", "one"}});
  std::unique_ptr<KbsClient> client = Client(kbs.url());
  ASSERT_TRUE(client->Get(kUri).ok());
  kbs.Restart();
  ASSERT_TRUE(client->Get(kUri).ok());
  EXPECT_EQ(kbs.Requests("/attest").size(), 2u);
  EXPECT_EQ(kbs.Requests("/key/1").size(), 3u);

  kbs.set_token_seconds(0);
  std::unique_ptr<KbsClient> other = Client(kbs.url());
  ASSERT_TRUE(other->Get(kUri).ok());
  ASSERT_TRUE(other->Get(kUri).ok());
  EXPECT_EQ(kbs.Requests("/attest").size(), 4u);
}

TEST(KbsClient, TokenIsKeptAndComesWithItsKey) {
  for (const TeeKeyAlgorithm algorithm : {TeeKeyAlgorithm::kEcdhEsA256KwP256, TeeKeyAlgorithm::kRsaOaep256}) {
    TestKbs kbs(Resources{});
    std::unique_ptr<KbsClient> client = Client(kbs.url(), {.tee_key_algorithm = algorithm});
    absl::StatusOr<KbsClient::TokenAndKey> first = client->GetToken();
    ASSERT_TRUE(first.ok()) << first.status();
    EXPECT_EQ(client->GetToken()->token, first->token);
    EXPECT_EQ(kbs.Requests("/attest").size(), 1u);
    const jose::Key key = *jose::Key::FromPem(first->key_pem.view());
    EXPECT_THAT(std::string(first->key_pem.view()),
                ::testing::StartsWith(key.IsEc() ? "-----BEGIN PRIVATE KEY" : "-----BEGIN RSA PRIVATE KEY"));
    const json claims = json::parse(jose::PeekCompact(first->token)->payload);
    EXPECT_EQ(jose::Key::FromJwk(claims["tee-pubkey"])->Thumbprint(), key.Thumbprint());
  }
}

TEST(KbsClient, TheBrokersReasonReachesTheUserAndIsNotAskedForTwice) {
  const struct {
    const char *target, *type;
    unsigned status;
    absl::StatusCode code;
    const char* message;
  } kCases[] = {
      {"/kbs/v0/attest", "AttestationError", 401, absl::StatusCode::kPermissionDenied,
       "attestation: measurement 01ab is not endorsed"},
      {"/kbs/v0/attest", "AttestationError", 403, absl::StatusCode::kPermissionDenied,
       "attestation: measurement"},
      {"/kbs/v0/resource/default/key/1", "PolicyDeny", 401, absl::StatusCode::kPermissionDenied,
       "attestation: measurement"},
      {"/kbs/v0/resource/default/key/1", "PolicyDeny", 403, absl::StatusCode::kPermissionDenied,
       "attestation: measurement"},
      {"/kbs/v0/resource/default/key/1", "PluginInternalError", 401, absl::StatusCode::kNotFound,
       "kbs:///default/key/1"},
      {"/kbs/v0/resource/default/key/1", "InvalidRequestPath", 404, absl::StatusCode::kNotFound, "HTTP 404"},
      {"/kbs/v0/auth", "SerdeError", 400, absl::StatusCode::kInternal, "SerdeError"},
      {"/kbs/v0/auth", "TooLarge", 413, absl::StatusCode::kResourceExhausted, "HTTP 413"},
  };
  for (const auto& c : kCases) {
    TestKbs kbs(
        {{"default/key/1", "k"}}, [&](const TestKbs::Request& request) -> std::optional<TestKbs::Reply> {
          if (request.target != c.target) return std::nullopt;
          return TestKbs::Reply{
              .status = c.status,
              .body = json{{"type", StrCat("https://github.com/confidential-containers/kbs/errors/", c.type)},
                           {"detail", "measurement 01ab is not endorsed"}}
                          .dump(),
              .set_cookie = {}};
        });
    const absl::Status status = Client(kbs.url())->Get(kUri).status();
    EXPECT_EQ(status.code(), c.code) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(c.message));
    EXPECT_THAT(std::string(status.message()), HasSubstr(kbs.url()));
    EXPECT_EQ(kbs.Requests(c.target).size(), 1u) << c.type;
  }
}

// The owner endorses a guest while it runs: what was refused by the verdict of then is asked for again with
// one of now, but not by whoever asks without a pause.
TEST(KbsClient, AttestsAgainWhenARefusalMayBeOutOfDate) {
  for (const auto renew_after : {std::chrono::milliseconds(0), std::chrono::milliseconds(3600000)}) {
    const bool renews = renew_after == std::chrono::milliseconds(0);
    std::string refused_token;
    std::atomic<bool> endorsed = false;
    TestKbs kbs({{"default/key/1", "k"}},
                [&](const TestKbs::Request& request) -> std::optional<TestKbs::Reply> {
                  if (!request.target.ends_with("/key/1")) return std::nullopt;
                  if (refused_token.empty()) refused_token = request.authorization;
                  if (endorsed && request.authorization != refused_token) return std::nullopt;
                  return TestKbs::Reply{
                      .status = 401, .body = R"({"type":"x/PolicyDeny","detail":"no"})", .set_cookie = {}};
                });
    const std::unique_ptr<KbsClient> client = Client(kbs.url(), {.renew_after = renew_after});
    EXPECT_TRUE(absl::IsPermissionDenied(client->Get(kUri).status()));
    EXPECT_EQ(kbs.Requests("/attest").size(), 1u);
    endorsed = true;
    EXPECT_EQ(client->Get(kUri).ok(), renews);
    EXPECT_EQ(kbs.Requests("/attest").size(), renews ? 2u : 1u);
    EXPECT_EQ(kbs.Requests("/key/1").size(), renews ? 3u : 2u);
  }
}

TEST(KbsClient, GivesUpAfterOneFurtherHandshake) {
  TestKbs kbs(Resources{}, [](const TestKbs::Request& request) -> std::optional<TestKbs::Reply> {
    if (!request.target.ends_with("/key/1")) return std::nullopt;
    return TestKbs::Reply{.status = 401, .body = "", .set_cookie = {}};
  });
  EXPECT_TRUE(absl::IsUnauthenticated(Client(kbs.url())->Get(kUri).status()));
  EXPECT_EQ(kbs.Requests("/attest").size(), 2u);
}

TEST(KbsClient, WaitsForABrokerThatIsNotReady) {
  std::atomic<int> failures = 2;
  TestKbs kbs(Resources{{"default/key/1", "k"}},
              [&](const TestKbs::Request&) -> std::optional<TestKbs::Reply> {
                if (failures-- <= 0) return std::nullopt;
                return TestKbs::Reply{.status = 503, .body = "starting", .set_cookie = {}};
              });
  EXPECT_TRUE(Client(kbs.url())->Get(kUri).ok());
  EXPECT_EQ(kbs.Requests("/auth").size(), 3u);
}

TEST(KbsClient, SaysWhichBrokerIsDown) {
  std::string url;
  { url = TestKbs(Resources{}).url(); }
  int waits = 0;
  KbsOptions options{.url = url};
  options.wait = [&](std::chrono::milliseconds) { ++waits; };
  const auto client = *KbsClient::Create(options, std::make_shared<SampleAttester>(AllowSampleEvidence{}));
  const absl::Status status = client->Get(kUri).status();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(url));
  EXPECT_EQ(waits, 3);
}

// Who takes the connection and says nothing costs one time limit, not one for each attempt.
TEST(KbsClient, ASilentBrokerIsWaitedForOnceAndNamed) {
  const UniqueFd listener = *ListenTcp("127.0.0.1:0");
  const std::string url = StrCat("http://", *LocalAddress(listener.get()));
  int waits = 0;
  KbsOptions options{.http = {.timeout = std::chrono::milliseconds(200)}};
  options.url = url;
  options.wait = [&waits](std::chrono::milliseconds) { ++waits; };
  const auto client =
      *KbsClient::Create(std::move(options), std::make_shared<SampleAttester>(AllowSampleEvidence{}));
  const absl::Status status = client->Get(kUri).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(url));
  EXPECT_EQ(waits, 0);
}

TEST(KbsClient, RefusesGarbageFromTheBroker) {
  const std::string deep(5000, '[');
  const std::string cookie = "kbs-session-id=0123";
  const struct {
    const char* target;
    TestKbs::Reply reply;
  } kCases[] = {
      {"/kbs/v0/auth", {200, "", cookie}},
      {"/kbs/v0/auth", {200, "<html>", cookie}},
      {"/kbs/v0/auth", {200, deep, cookie}},
      {"/kbs/v0/auth", {200, R"({"nonce":7,"extra-params":""})", cookie}},
      {"/kbs/v0/auth", {200, R"({"nonce":"","extra-params":""})", cookie}},
      {"/kbs/v0/auth", {200, R"({"nonce":"a","nonce":"b"})", cookie}},
      {"/kbs/v0/auth", {200, R"({"nonce":"a","extra-params":{"selected-hash-algorithm":"md5"}})", cookie}},
      {"/kbs/v0/auth", {200, R"({"nonce":"a","extra-params":""})", ""}},
      {"/kbs/v0/auth", {200, R"({"nonce":"a","extra-params":""})", "kbs-session-id=a b"}},
      {"/kbs/v0/auth", {200, R"({"nonce":"a","extra-params":""})", "other=1"}},
      {"/kbs/v0/auth", {302, "", cookie}},
      {"/kbs/v0/attest", {200, "", ""}},
      {"/kbs/v0/attest", {200, R"({"token":""})", ""}},
      {"/kbs/v0/attest", {200, R"({"token":["a"]})", ""}},
      {"/kbs/v0/attest", {200, R"({"token":"a\r\nX-Evil: b"})", ""}},
      {"/kbs/v0/resource/default/key/1", {200, "", ""}},
      {"/kbs/v0/resource/default/key/1", {200, "{}", ""}},
      {"/kbs/v0/resource/default/key/1", {200, "a key in clear text", ""}},
      {"/kbs/v0/resource/default/key/1",
       {200, R"({"protected":"e30","encrypted_key":"AA","iv":"AA","ciphertext":"AA","tag":"AA"})", ""}},
  };
  for (const auto& c : kCases) {
    TestKbs kbs(Resources{{"default/key/1", "k"}},
                [&](const TestKbs::Request& request) -> std::optional<TestKbs::Reply> {
                  if (request.target != c.target) return std::nullopt;
                  return c.reply;
                });
    const absl::StatusOr<SecretBytes> got = Client(kbs.url())->Get(kUri);
    EXPECT_FALSE(got.ok()) << c.target << " " << c.reply.body.substr(0, 80);
    EXPECT_EQ(kbs.Requests(c.target).size(), 1u);
  }
}

// Every member of the JWE, and the text of its header, is authenticated.
TEST(KbsClient, RefusesATamperedResource) {
  for (const char* member : {"protected", "encrypted_key", "iv", "ciphertext", "tag"}) {
    // A second broker encrypts to the client's key; the first passes on a changed copy.
    TestKbs inner(Resources{{"default/key/1", "secret text"}});
    std::unique_ptr<HttpClient> http = *HttpClient::Create({});
    TestKbs outer(Resources{}, [&](const TestKbs::Request& request) -> std::optional<TestKbs::Reply> {
      HttpRequest forward{
          .method = request.method, .url = inner.url() + request.target, .body = request.body};
      if (!request.cookie.empty()) forward.headers.push_back("Cookie: " + request.cookie);
      if (!request.authorization.empty())
        forward.headers.push_back("Authorization: " + request.authorization);
      HttpResponse response = *http->Send(forward);
      if (request.method == "GET") {
        json jwe = json::parse(response.body);
        std::string& text = jwe[member].get_ref<std::string&>();
        text[text.size() / 2] = text[text.size() / 2] == 'A' ? 'B' : 'A';
        response.body = jwe.dump();
      }
      return TestKbs::Reply{.status = static_cast<unsigned>(response.status),
                            .body = response.body,
                            .set_cookie = response.set_cookies.empty() ? "" : response.set_cookies[0]};
    });
    const absl::Status status = Client(outer.url())->Get(kUri).status();
    EXPECT_FALSE(status.ok()) << member;
    EXPECT_THAT(std::string(status.message()), Not(HasSubstr("secret text")));
  }
}

TEST(KbsClient, RefusesAnEndlessAnswer) {
  TestKbs kbs(Resources{}, [](const TestKbs::Request&) {
    return TestKbs::Reply{.body = std::string(9 << 20, 'x'), .set_cookie = {}};
  });
  const absl::Status status = Client(kbs.url())->Get(kUri).status();
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
}

TEST(KbsClient, TrustsOnlyTheConfiguredRoot) {
  const TestKbs::Tls identity = MakeTestIdentity(), stranger = MakeTestIdentity();
  TestKbs kbs(Resources{{"default/key/1", "k"}}, {}, identity);
  EXPECT_TRUE(Client(kbs.url(), {.http = {.roots_pem = identity.certificate_pem}})->Get(kUri).ok());
  for (const std::string& roots : {stranger.certificate_pem, std::string()}) {
    const absl::Status status = Client(kbs.url(), {.http = {.roots_pem = roots}})->Get(kUri).status();
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("kbs_cert"));
  }
  std::string by_name = kbs.url();
  by_name.replace(by_name.find("127.0.0.1"), 9, "localhost");
  EXPECT_TRUE(absl::IsFailedPrecondition(
      Client(by_name, {.http = {.roots_pem = identity.certificate_pem}})->Get(kUri).status()));
}

TEST(KbsClient, GoesThroughTheEgressSocketWhenThereIsOne) {
  const TempDir directory = *TempDir::Create("/tmp/kbs-egress-");
  const std::string path = directory.path() + "/egress.sock";
  const UniqueFd listener = *ListenUnix(path);
  std::string greeting(1, '\0');
  std::thread proxy([&] {
    const UniqueFd peer = *Accept(listener.get());
    ReadFull(peer.get(), greeting.data(), greeting.size()).IgnoreError();
  });
  HttpOptions options;
  options.egress_socket = [&] { return path; };
  const std::unique_ptr<HttpClient> http = *HttpClient::Create(options);
  EXPECT_TRUE(absl::IsUnavailable(http->Send({.url = "http://kbs.example/"}).status()));
  proxy.join();
  EXPECT_EQ(greeting, "\x05");  // SOCKS5
}

TEST(KbsClient, RefusesBadOptions) {
  const auto create = [](KbsOptions options) {
    return KbsClient::Create(std::move(options), std::make_shared<SampleAttester>(AllowSampleEvidence{}))
        .status();
  };
  for (const char* url : {"", "kbs", "ftp://host", "file:///etc/passwd", "http://", "http://a b",
                          "http://h?x", "http://h#x", "http://h\r\nX: y"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(create({.url = url}))) << url;
  }
  const absl::Status named = create({.url = "https://user:secret@host/x"});
  EXPECT_TRUE(absl::IsInvalidArgument(named)) << named;
  EXPECT_THAT(std::string(named.message()), HasSubstr("at host:"));
  EXPECT_THAT(std::string(named.message()), Not(HasSubstr("secret")));
  EXPECT_TRUE(
      absl::IsInvalidArgument(create({.url = "https://h", .http = {.roots_pem = "not a certificate"}})));
}

TEST(KbsClient, AFailingAttesterIsTheReason) {
  class Broken final : public Attester {
    std::string_view tee() const override { return "sample"; }
    absl::StatusOr<std::string> GetEvidence(std::string_view) override {
      return absl::InternalError("RMM says no");
    }
  };
  TestKbs kbs(Resources{});
  const auto client = *KbsClient::Create({.url = kbs.url()}, std::make_shared<Broken>());
  EXPECT_THAT(std::string(client->Get(kUri).status().message()), HasSubstr("RMM says no"));
}

}  // namespace
}  // namespace cc::attest
