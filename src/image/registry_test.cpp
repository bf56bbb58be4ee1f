// SPDX-License-Identifier: Apache-2.0
#include "image/registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <string>

#include "base/strings.h"
#include "image/test_http_server.h"

namespace cc::image {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::TestHttpServer;
using testing::TestRequest;
using Connection = TestHttpServer::Connection;

const std::string kManifest = R"({"schemaVersion":2})";

// 1 MB without a period, so that a wrong offset shows.
std::string MakeBlob() {
  std::string blob;
  for (int i = 0; blob.size() < 1000000; ++i) StrAppend(&blob, i, ",");
  return blob;
}
const std::string kBlob = MakeBlob();

Descriptor DescriptorOf(const std::string& data) {
  return {"", Digest::Of(HashAlgorithm::kSha256, data), data.size()};
}

class RegistryTest : public ::testing::Test {
 protected:
  // Starts the server and the client that talks to it.
  Registry& Start(TestHttpServer::Handler handler, std::optional<Credentials> credentials = std::nullopt,
                  const std::string& selector = ":v1") {
    server_ = std::make_unique<TestHttpServer>(std::move(handler));
    HttpOptions options;
    options.plain_http_hosts = {server_->Host()};
    if (other_) options.plain_http_hosts.insert(other_->Host());
    options.stall_timeout = stall_timeout_;
    registry_ = std::make_unique<Registry>(
        HttpClient::Create(options).value(),
        Reference::Parse(server_->Host() + "/team/app" + selector).value(), credentials,
        RetryPolicy{.max_attempts = 4, .first_delay = milliseconds(1), .max_delay = milliseconds(2)});
    return *registry_;
  }

  absl::Status FetchBlob(const std::string& blob = kBlob) {
    received_.clear();
    return registry_->FetchBlob(DescriptorOf(blob),
                                [&](std::string_view data) {
                                  received_.append(data);
                                  return absl::OkStatus();
                                },
                                {});
  }

  // Short only where a stall is wanted: on a busy machine the server here may fall silent against its will.
  milliseconds stall_timeout_ = std::chrono::minutes(2);
  std::unique_ptr<TestHttpServer> other_, server_;
  std::unique_ptr<Registry> registry_;
  std::string received_;
};

// "bytes=<n>-"
size_t RangeOf(const TestRequest& request) {
  const std::string range = request.Header("range");
  return range.empty() ? 0 : std::stoul(range.substr(6));
}

void SendPart(Connection& c, std::string_view blob, size_t from, size_t bytes) {
  std::string head =
      StrCat("HTTP/1.1 ", from == 0 ? "200 OK" : "206 Partial", "\r\nContent-Length: ", blob.size() - from);
  if (from > 0) StrAppend(&head, "\r\nContent-Range: bytes ", from, "-", blob.size() - 1, "/", blob.size());
  c.Send(head + "\r\n\r\n");
  c.Send(blob.substr(from, bytes));
}

TEST_F(RegistryTest, FetchesAManifestByTag) {
  Registry& registry = Start([](const TestRequest& request, Connection& c) {
    EXPECT_EQ(request.target, "/v2/team/app/manifests/v1");
    EXPECT_THAT(request.Header("accept"), HasSubstr("application/vnd.oci.image.index.v1+json"));
    c.Reply(200, kManifest, {{"Content-Type", "x/y"}});
  });
  const auto document = registry.FetchManifest({});
  ASSERT_TRUE(document.ok()) << document.status();
  EXPECT_EQ(document->body, kManifest);
  EXPECT_EQ(document->content_type, "x/y");
  EXPECT_EQ(document->digest, Digest::Of(HashAlgorithm::kSha256, kManifest));
}

TEST_F(RegistryTest, AManifestMustHaveTheDigestThatWasAskedFor) {
  const std::string digest = Digest::Of(HashAlgorithm::kSha256, kManifest).ToString();
  Registry& registry = Start([](const TestRequest&, Connection& c) { c.Reply(200, kManifest + " "); },
                             std::nullopt, "@" + digest);
  EXPECT_EQ(registry.FetchManifest({}).status().code(), absl::StatusCode::kDataLoss);
}

TEST_F(RegistryTest, AManifestMustHaveTheDigestThatTheRegistryNames) {
  const std::string other = Digest::Of(HashAlgorithm::kSha256, "other").ToString();
  Registry& registry = Start([&](const TestRequest&, Connection& c) {
    c.Reply(200, kManifest, {{"Docker-Content-Digest", other}});
  });
  EXPECT_EQ(registry.FetchManifest({}).status().code(), absl::StatusCode::kDataLoss);
}

TEST_F(RegistryTest, AHugeManifestIsRefused) {
  Registry& registry =
      Start([](const TestRequest&, Connection& c) { c.Reply(200, std::string(5 << 20, ' ')); });
  EXPECT_EQ(registry.FetchManifest({}).status().code(), absl::StatusCode::kResourceExhausted);
}

TEST_F(RegistryTest, ReportsTheRegistrysOwnWords) {
  Registry& registry = Start([](const TestRequest&, Connection& c) {
    c.Reply(404, "{\"errors\":[{\"code\":\"MANIFEST_UNKNOWN\",\"message\":\"no\\u0007 such\\nimage\"}]}");
  });
  const absl::Status status = registry.FetchManifest({}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(status.ToString(),
              HasSubstr("manifest v1: registry answered 404 (MANIFEST_UNKNOWN: no  such image)"));
}

TEST_F(RegistryTest, TriesAgainAfterServerErrors) {
  std::atomic<int> calls = 0;
  Registry& registry = Start([&](const TestRequest&, Connection& c) {
    const int statuses[] = {500, 429, 503, 200};
    c.Reply(statuses[calls++], kManifest);
  });
  EXPECT_TRUE(registry.FetchManifest({}).ok());
  EXPECT_EQ(calls, 4);
}

TEST_F(RegistryTest, GivesUpAfterTheAllowedAttempts) {
  Registry& registry = Start([](const TestRequest&, Connection& c) { c.Reply(500); });
  const absl::Status status = registry.FetchManifest({}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(status.ToString(), HasSubstr("500"));
  EXPECT_EQ(server_->Requests().size(), 4u);
}

TEST_F(RegistryTest, DoesNotRepeatWhatCannotSucceed) {
  Registry& registry = Start([](const TestRequest&, Connection& c) { c.Reply(400); });
  EXPECT_FALSE(registry.FetchManifest({}).ok());
  EXPECT_EQ(server_->Requests().size(), 1u);
}

TEST_F(RegistryTest, FetchesABlob) {
  Start([](const TestRequest& request, Connection& c) {
    EXPECT_EQ(request.target, "/v2/team/app/blobs/" + DescriptorOf(kBlob).digest.ToString());
    c.Reply(200, kBlob);
  });
  ASSERT_TRUE(FetchBlob().ok());
  EXPECT_EQ(received_, kBlob);
}

TEST_F(RegistryTest, AWrongBlobIsDataLossAndNotRepeated) {
  std::string wrong = kBlob;
  wrong[5000] ^= 1;
  Start([&](const TestRequest&, Connection& c) { c.Reply(200, wrong); });
  const absl::Status status = FetchBlob();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(status.ToString(), HasSubstr("digest mismatch"));
  EXPECT_EQ(server_->Requests().size(), 1u);
}

TEST_F(RegistryTest, ABlobLongerThanItsDescriptorIsCutOff) {
  Start([&](const TestRequest&, Connection& c) { c.Reply(200, kBlob + std::string(1 << 20, 'x')); });
  EXPECT_EQ(FetchBlob().code(), absl::StatusCode::kDataLoss);
  EXPECT_LE(received_.size(), kBlob.size());
}

TEST_F(RegistryTest, ABlobShorterThanItsDescriptorIsAnError) {
  Start([&](const TestRequest&, Connection& c) { c.Reply(200, kBlob.substr(0, 1000)); });
  EXPECT_THAT(FetchBlob().ToString(), HasSubstr("1000 of"));
}

TEST_F(RegistryTest, ResumesWhereTheConnectionBroke) {
  Start([](const TestRequest& request, Connection& c) {
    SendPart(c, kBlob, RangeOf(request), 300000);
    if (RangeOf(request) + 300000 < kBlob.size()) c.Close();
  });
  const absl::Status status = FetchBlob();
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(received_, kBlob);
  EXPECT_EQ(server_->Requests().size(), 4u);
}

TEST_F(RegistryTest, ResumesAfterAStall) {
  stall_timeout_ = milliseconds(500);
  std::atomic<int> calls = 0;
  Start([&](const TestRequest& request, Connection& c) {
    if (calls++ > 0) return SendPart(c, kBlob, RangeOf(request), kBlob.size());
    SendPart(c, kBlob, 0, 1000);
    c.WaitForPeerToClose();
    c.Close();
  });
  const absl::Status status = FetchBlob();
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(received_, kBlob);
}

TEST_F(RegistryTest, ResumesAtAServerWithoutRanges) {
  std::atomic<int> calls = 0;
  Start([&](const TestRequest&, Connection& c) {
    if (calls++ > 0) return c.Reply(200, kBlob);
    SendPart(c, kBlob, 0, 500000);
    c.Close();
  });
  const absl::Status status = FetchBlob();
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(received_, kBlob);
}

TEST_F(RegistryTest, AnAnswerOfAnotherRangeIsRefused) {
  std::atomic<int> calls = 0;
  Start([&](const TestRequest&, Connection& c) {
    if (calls++ > 0)
      return c.Reply(206, kBlob.substr(600000), {{"Content-Range", "bytes 600000-999999/1000000"}});
    SendPart(c, kBlob, 0, 500000);
    c.Close();
  });
  EXPECT_THAT(FetchBlob().ToString(), HasSubstr("Content-Range"));
}

TEST_F(RegistryTest, AnEndlessStallEndsWithAClearError) {
  stall_timeout_ = milliseconds(50);
  Start([&](const TestRequest&, Connection& c) {
    c.WaitForPeerToClose();
    c.Close();
  });
  const absl::Status status = FetchBlob();
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(status.ToString(), HasSubstr("sent nothing for"));
  EXPECT_EQ(server_->Requests().size(), 4u);
}

TEST_F(RegistryTest, GetsABearerTokenOnceAndUsesItForAll) {
  std::atomic<int> tokens = 0;
  other_ = std::make_unique<TestHttpServer>([&](const TestRequest& request, Connection& c) {
    ++tokens;
    EXPECT_THAT(request.target, HasSubstr("service=the+registry"));
    EXPECT_THAT(ToLower(request.target), HasSubstr("scope=repository%3ateam%2fapp%3apull"));
    EXPECT_EQ(request.Header("authorization"), "Basic dTpw");
    c.Reply(200, R"({"token":"tok","expires_in":60})");
  });
  Registry& registry = Start(
      [&](const TestRequest& request, Connection& c) {
        if (request.Header("authorization") == "Bearer tok") {
          return c.Reply(200, request.target.find("manifests") != std::string::npos ? kManifest : kBlob);
        }
        c.Reply(401, "",
                {{"WWW-Authenticate",
                  StrCat("Bearer realm=\"http://", other_->Host(), "/token\",service=\"the registry\"")}});
      },
      Credentials{"u", "p"});
  ASSERT_TRUE(registry.FetchManifest({}).ok());
  ASSERT_TRUE(FetchBlob().ok());
  EXPECT_EQ(tokens, 1);
}

TEST_F(RegistryTest, AnonymousTokensWork) {
  other_ = std::make_unique<TestHttpServer>([&](const TestRequest& request, Connection& c) {
    EXPECT_EQ(request.Header("authorization"), "");
    c.Reply(200, R"({"access_token":"anon"})");
  });
  Registry& registry = Start([&](const TestRequest& request, Connection& c) {
    if (request.Header("authorization") == "Bearer anon") return c.Reply(200, kManifest);
    c.Reply(401, "", {{"WWW-Authenticate", StrCat("Bearer realm=\"http://", other_->Host(), "/\"")}});
  });
  const auto document = registry.FetchManifest({});
  EXPECT_TRUE(document.ok()) << document.status();
}

TEST_F(RegistryTest, RenewsATokenThatExpiredInTheMiddle) {
  std::atomic<int> tokens = 0;
  other_ = std::make_unique<TestHttpServer>(
      [&](const TestRequest&, Connection& c) { c.Reply(200, StrCat(R"({"token":"t)", ++tokens, R"("})")); });
  Start([&](const TestRequest& request, Connection& c) {
    // The first token is good for the first half only.
    const bool second_half = RangeOf(request) > 0;
    if (request.Header("authorization") == (second_half ? "Bearer t2" : "Bearer t1")) {
      SendPart(c, kBlob, RangeOf(request), 500000);
      if (!second_half) c.Close();
      return;
    }
    c.Reply(401, "", {{"WWW-Authenticate", StrCat("Bearer realm=\"http://", other_->Host(), "/\"")}});
  });
  const absl::Status status = FetchBlob();
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(received_, kBlob);
}

TEST_F(RegistryTest, BasicAuthentication) {
  Registry& registry = Start(
      [&](const TestRequest& request, Connection& c) {
        if (request.Header("authorization") == "Basic dTpw") return c.Reply(200, kManifest);
        c.Reply(401, "", {{"WWW-Authenticate", "Basic realm=\"r\""}});
      },
      Credentials{"u", "p"});
  EXPECT_TRUE(registry.FetchManifest({}).ok());
}

TEST_F(RegistryTest, SaysWhenCredentialsAreMissingOrRefusedButNeverShowsThem) {
  const auto challenge = [](const TestRequest&, Connection& c) {
    c.Reply(401, "", {{"WWW-Authenticate", "Basic realm=\"r\""}});
  };
  absl::Status status = Start(challenge).FetchManifest({}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnauthenticated);
  EXPECT_THAT(status.ToString(), HasSubstr("no credentials are configured"));
  status = Start(challenge, Credentials{"user", "hunter2"}).FetchManifest({}).status();
  EXPECT_THAT(status.ToString(), HasSubstr("credentials were refused"));
  EXPECT_THAT(status.ToString(), Not(HasSubstr("hunter2")));
}

TEST_F(RegistryTest, NoTokenIsSentToAHostThatTheRegistryRedirectsTo) {
  other_ = std::make_unique<TestHttpServer>([&](const TestRequest& request, Connection& c) {
    EXPECT_EQ(request.Header("authorization"), "");
    c.Reply(200, kBlob);
  });
  Start(
      [&](const TestRequest& request, Connection& c) {
        if (request.Header("authorization").empty()) {
          return c.Reply(401, "", {{"WWW-Authenticate", "Basic realm=\"r\""}});
        }
        c.Reply(307, "", {{"Location", StrCat("http://", other_->Host(), "/signed")}});
      },
      Credentials{"u", "p"});
  ASSERT_TRUE(FetchBlob().ok());
  EXPECT_EQ(received_, kBlob);
}

TEST_F(RegistryTest, AHostBehindARedirectGetsNoCredentialsWhenItAsks) {
  other_ = std::make_unique<TestHttpServer>([&](const TestRequest& request, Connection& c) {
    EXPECT_EQ(request.Header("authorization"), "");
    c.Reply(401, "", {{"WWW-Authenticate", "Basic realm=\"give me\""}});
  });
  Start(
      [&](const TestRequest&, Connection& c) {
        c.Reply(307, "", {{"Location", StrCat("http://", other_->Host(), "/")}});
      },
      Credentials{"u", "p"});
  EXPECT_EQ(FetchBlob().code(), absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(other_->Requests().size(), 1u);
}

TEST_F(RegistryTest, StrangeTokensAreNotPutIntoHeaders) {
  for (const char* body : {"", "[]", R"({"token":7})", R"({"token":""})", R"({"token":"a\r\nX-Evil: 1"})"}) {
    other_ = std::make_unique<TestHttpServer>([&](const TestRequest&, Connection& c) { c.Reply(200, body); });
    Registry& registry = Start([&](const TestRequest& request, Connection& c) {
      EXPECT_EQ(request.Header("x-evil"), "");
      c.Reply(401, "", {{"WWW-Authenticate", StrCat("Bearer realm=\"http://", other_->Host(), "/\"")}});
    });
    EXPECT_FALSE(registry.FetchManifest({}).ok()) << body;
  }
}

TEST_F(RegistryTest, StopEndsTheRetries) {
  std::stop_source stop;
  Registry& registry = Start([&](const TestRequest&, Connection& c) {
    stop.request_stop();
    c.Reply(500);
  });
  EXPECT_FALSE(registry.FetchManifest(stop.get_token()).ok());
  EXPECT_EQ(server_->Requests().size(), 1u);
}

}  // namespace
}  // namespace cc::image
