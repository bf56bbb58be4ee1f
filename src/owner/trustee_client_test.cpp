// SPDX-License-Identifier: Apache-2.0
#include "owner/trustee_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "image/test_http_server.h"
#include "jose/base64.h"

namespace cc::owner {
namespace {

using image::testing::TestHttpServer;
using image::testing::TestRequest;
using nlohmann::json;
using ::testing::HasSubstr;
using Connection = TestHttpServer::Connection;

std::unique_ptr<TrusteeClient> ClientOf(const TestHttpServer& server, const std::string& token = "jwt") {
  return TrusteeClient::Create({.url = "http://" + server.Host() + "/", .token = token, .roots_pem = ""})
      .value();
}

TEST(TrusteeClient, SendsTheMessagesOfTheProtocol) {
  TestHttpServer server([](const TestRequest& request, Connection& c) {
    EXPECT_EQ(request.Header("authorization"), "Bearer jwt");
    if (request.method == "GET") return c.Reply(200, R"(["resource-policy"])");
    c.Reply(200);
  });
  const auto client = ClientOf(server);
  const attest::ResourceUri uri = *attest::ResourceUri::Parse("kbs:///default/key/1");
  EXPECT_TRUE(client->PutResource(uri, std::string_view("k\0y", 3)).ok());
  EXPECT_TRUE(client->DeleteResource(uri).ok());
  EXPECT_TRUE(client->SetResourcePolicy("package policy\n?>").ok());
  EXPECT_TRUE(client->SetAttestationPolicy("default_cpu", "package policy").ok());
  EXPECT_TRUE(client->RegisterReferenceValues("{}").ok());
  EXPECT_THAT(*client->ListResourcePolicies(), ::testing::ElementsAre("resource-policy"));
  EXPECT_TRUE(client->GetReferenceValue("rvps:///a/b c%2f").ok());
  EXPECT_TRUE(client->GetReferenceValue("a/b").ok());
  EXPECT_TRUE(client->Explain("3f/../9a").ok());
  EXPECT_TRUE(client->KeySet().ok());

  const struct {
    const char *method, *target;
    std::string body;
  } kExpected[] = {
      {"POST", "/kbs/v0/resource/default/key/1", std::string("k\0y", 3)},
      {"DELETE", "/kbs/v0/resource/default/key/1", ""},
      {"POST", "/kbs/v0/resource-policy", R"({"policy":"cGFja2FnZSBwb2xpY3kKPz4"})"},
      {"POST", "/kbs/v0/attestation-policy",
       R"({"policy":"cGFja2FnZSBwb2xpY3k","policy_id":"default_cpu","type":"rego"})"},
      {"POST", "/kbs/v0/reference-value", "{}"},
      {"GET", "/kbs/v0/resource-policy", ""},
      {"GET", "/kbs/v0/reference-value/rvps:%2F%2F%2Fa%2Fb%20c%252f", ""},
      {"GET", "/kbs/v0/reference-value/a/b", ""},
      {"GET", "/kbs/v0/explain/3f%2F..%2F9a", ""},
      {"GET", "/.well-known/jwks.json", ""},
  };
  const std::vector<TestRequest> requests = server.Requests();
  ASSERT_EQ(requests.size(), std::size(kExpected));
  for (size_t i = 0; i < requests.size(); ++i) {
    EXPECT_EQ(requests[i].method, kExpected[i].method) << i;
    EXPECT_EQ(requests[i].target, kExpected[i].target) << i;
    EXPECT_EQ(requests[i].body, kExpected[i].body) << i;
  }
}

TEST(TrusteeClient, ARefusalKeepsTheServicesReason) {
  const std::pair<int, absl::StatusCode> kCases[] = {
      {400, absl::StatusCode::kInvalidArgument},   {401, absl::StatusCode::kUnauthenticated},
      {403, absl::StatusCode::kPermissionDenied},  {404, absl::StatusCode::kNotFound},
      {405, absl::StatusCode::kUnimplemented},     {413, absl::StatusCode::kInvalidArgument},
      {429, absl::StatusCode::kUnavailable},       {500, absl::StatusCode::kFailedPrecondition},
      {302, absl::StatusCode::kFailedPrecondition}};
  for (const auto& [http, code] : kCases) {
    TestHttpServer server([http = http](const TestRequest&, Connection& c) {
      c.Reply(http, "{\"type\":\"t\",\"detail\":\"because\\u001b[31m\"}");
    });
    const absl::Status status = ClientOf(server, "")->SetResourcePolicy("x");
    EXPECT_EQ(status.code(), code) << http;
    EXPECT_THAT(std::string(status.message()), HasSubstr("because [31m")) << http;
    EXPECT_EQ(http == 401, std::string(status.message()).find("--admin-key") != std::string::npos);
  }
}

TEST(TrusteeClient, GarbageIsAnErrorAndSoIsNobody) {
  for (const char* body : {"", "{}", "[1]", "[", "null"}) {
    TestHttpServer server([&](const TestRequest&, Connection& c) { c.Reply(200, body); });
    EXPECT_FALSE(ClientOf(server)->ListResourcePolicies().ok()) << body;
  }
  std::string gone;
  {
    gone = TestHttpServer([](const TestRequest&, Connection&) {}).Host();
  }
  const auto client = TrusteeClient::Create({.url = "http://" + gone, .token = "", .roots_pem = ""}).value();
  EXPECT_TRUE(absl::IsUnavailable(client->SetResourcePolicy("x")));
}

TEST(TrusteeClient, ATokenDoesNotCrossTheNetworkInClear) {
  const struct {
    const char *url, *token;
    bool ok;
  } kCases[] = {
      {"https://trust.example", "jwt", true},
      {"http://trust.example", "", true},
      {"http://trust.example", "jwt", false},
      {"http://127.0.0.1:8080", "jwt", true},
      {"http://localhost", "jwt", true},
      {"http://[::1]:8080", "jwt", true},
      {"http://localhost.evil.example", "jwt", false},
      {"http://[2001:db8::1]:8080", "jwt", false},
      {"https://user:pw@trust.example", "", false},
      {"ftp://trust.example", "", false},
      {"", "", false},
      {"https://", "", false},
      {"http://[::1", "", false},
  };
  for (const auto& c : kCases) {
    EXPECT_EQ(TrusteeClient::Create({.url = c.url, .token = c.token, .roots_pem = ""}).ok(), c.ok) << c.url;
  }
}

TEST(TrusteeClient, ANameCannotLeadElsewhere) {
  TestHttpServer server([](const TestRequest&, Connection& c) { c.Reply(200, "1"); });
  const auto client = ClientOf(server);
  for (const char* name : {"", ".", "..", "a/../b", "../resource-policy"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(client->GetReferenceValue(name).status())) << name;
  }
  EXPECT_TRUE(absl::IsInvalidArgument(client->SetAttestationPolicy("\xff_cpu", "package policy")));
  EXPECT_TRUE(server.Requests().empty());
}

TEST(TrusteeClient, AResourceHasNoQuery) {
  const auto client =
      TrusteeClient::Create({.url = "http://127.0.0.1:1", .token = "", .roots_pem = ""}).value();
  EXPECT_TRUE(
      absl::IsInvalidArgument(client->PutResource(*attest::ResourceUri::Parse("kbs:///a/b/c?d=e"), "")));
}

}  // namespace
}  // namespace cc::owner
