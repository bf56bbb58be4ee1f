// SPDX-License-Identifier: Apache-2.0
#include "image/push.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <string>

#include "base/strings.h"
#include "image/registry.h"
#include "image/test_docker_registry.h"
#include "image/test_http_server.h"
#include "image/test_image.h"

namespace cc::image {
namespace {

using std::chrono::milliseconds;
using testing::DockerRegistry;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::TestHttpServer;
using testing::TestRequest;
using Connection = TestHttpServer::Connection;

const std::string kBlob(300000, 'b');

Descriptor DescriptorOf(const std::string& data) {
  return {"", Digest::Of(HashAlgorithm::kSha256, data), data.size()};
}

class PushTest : public ::testing::Test {
 protected:
  RegistryPush& Start(TestHttpServer::Handler handler, std::optional<Credentials> credentials = {}) {
    server_ = std::make_unique<TestHttpServer>(std::move(handler));
    HttpOptions options;
    options.plain_http_hosts = {server_->Host()};
    if (other_) options.plain_http_hosts.insert(other_->Host());
    push_ = std::make_unique<RegistryPush>(
        HttpClient::Create(options).value(), Reference::Parse(server_->Host() + "/team/app:v1").value(),
        credentials,
        RetryPolicy{.max_attempts = 3, .first_delay = milliseconds(1), .max_delay = milliseconds(2)});
    return *push_;
  }
  std::vector<std::string> Methods() const {
    std::vector<std::string> methods;
    for (const TestRequest& request : server_->Requests()) methods.push_back(request.method);
    return methods;
  }

  std::unique_ptr<TestHttpServer> other_, server_;
  std::unique_ptr<RegistryPush> push_;
};

TEST_F(PushTest, PutsABlobInOnePiece) {
  RegistryPush& push = Start([](const TestRequest& request, Connection& c) {
    if (request.method == "HEAD") return c.Reply(404);
    if (request.method == "POST") return c.Reply(202, "", {{"Location", "/v2/team/app/blobs/uploads/7?s=1"}});
    c.Reply(201);
  });
  ASSERT_TRUE(push.PutBlob(DescriptorOf(kBlob), TextBody(kBlob), {}).ok());
  EXPECT_THAT(Methods(), ElementsAre("HEAD", "POST", "PUT"));
  const TestRequest upload = server_->Requests()[2];
  // Which case the escapes have is libcurl's affair.
  EXPECT_EQ(ToLower(upload.target),
            "/v2/team/app/blobs/uploads/7?s=1&digest=sha256%3a" + DescriptorOf(kBlob).digest.hex());
  EXPECT_EQ(upload.body, kBlob);
  EXPECT_EQ(server_->Requests()[1].target, "/v2/team/app/blobs/uploads/");
}

TEST_F(PushTest, SendsNothingThatIsThere) {
  for (const int status : {200, 307}) {
    RegistryPush& push = Start([&](const TestRequest&, Connection& c) {
      c.Send(
          StrCat("HTTP/1.1 ", status, " x\r\nLocation: http://127.0.0.1:1/x\r\nContent-Length: 0\r\n\r\n"));
    });
    EXPECT_TRUE(push.PutBlob(DescriptorOf(kBlob), TextBody(kBlob), {}).ok()) << status;
    EXPECT_THAT(Methods(), ElementsAre("HEAD")) << status;
  }
}

TEST_F(PushTest, StartsAgainWhenAnUploadBreaks) {
  std::atomic<int> uploads = 0;
  RegistryPush& push = Start([&](const TestRequest& request, Connection& c) {
    if (request.method == "HEAD") return c.Reply(404);
    if (request.method == "POST") return c.Reply(202, "", {{"Location", "/v2/team/app/up"}});
    if (uploads++ == 0) return c.Reply(503);
    EXPECT_EQ(request.body, kBlob);
    c.Reply(201);
  });
  EXPECT_TRUE(push.PutBlob(DescriptorOf(kBlob), TextBody(kBlob), {}).ok());
  EXPECT_THAT(Methods(), ElementsAre("HEAD", "POST", "PUT", "POST", "PUT"));
}

TEST_F(PushTest, DoesNotRepeatWhatTheRegistryRefuses) {
  RegistryPush& push = Start([](const TestRequest& request, Connection& c) {
    if (request.method == "HEAD") return c.Reply(404);
    if (request.method == "POST") return c.Reply(202, "", {{"Location", "/up"}});
    c.Reply(400, R"({"errors":[{"code":"DIGEST_INVALID","message":"no"}]})");
  });
  const absl::Status status = push.PutBlob(DescriptorOf(kBlob), TextBody(kBlob), {});
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(status.ToString(), HasSubstr("DIGEST_INVALID"));
  EXPECT_THAT(Methods(), ElementsAre("HEAD", "POST", "PUT"));
}

TEST_F(PushTest, ARegistryThatGivesNoPlaceIsAnError) {
  RegistryPush& push =
      Start([](const TestRequest& request, Connection& c) { c.Reply(request.method == "HEAD" ? 404 : 202); });
  EXPECT_THAT(push.PutBlob(DescriptorOf(kBlob), TextBody(kBlob), {}).ToString(),
              HasSubstr("without a place"));
}

TEST_F(PushTest, ABodyThatEndsEarlyIsAnError) {
  RegistryPush& push = Start([](const TestRequest& request, Connection& c) {
    if (request.method == "HEAD") return c.Reply(404);
    c.Reply(202, "", {{"Location", "/up"}});
  });
  Descriptor longer = DescriptorOf(kBlob);
  ++longer.size;
  EXPECT_EQ(push.PutBlob(longer, TextBody(kBlob), {}).code(), absl::StatusCode::kDataLoss);
}

TEST_F(PushTest, CredentialsStayWithTheRegistry) {
  other_ = std::make_unique<TestHttpServer>([](const TestRequest&, Connection& c) { c.Reply(201); });
  RegistryPush& push = Start(
      [&](const TestRequest& request, Connection& c) {
        if (request.Header("authorization").empty()) {
          return c.Reply(401, "", {{"WWW-Authenticate", "Basic realm=\"r\""}});
        }
        if (request.method == "HEAD") return c.Reply(404);
        c.Reply(202, "", {{"Location", "http://" + other_->Host() + "/signed?k=1"}});
      },
      Credentials{"user", "secret"});
  ASSERT_TRUE(push.PutBlob(DescriptorOf(kBlob), TextBody(kBlob), {}).ok());
  ASSERT_EQ(other_->Requests().size(), 1u);
  EXPECT_EQ(other_->Requests()[0].Header("authorization"), "");
  EXPECT_EQ(other_->Requests()[0].body, kBlob);
}

TEST_F(PushTest, AsksForATokenThatMayPush) {
  other_ = std::make_unique<TestHttpServer>(
      [](const TestRequest&, Connection& c) { c.Reply(200, R"({"token":"t"})"); });
  RegistryPush& push = Start([&](const TestRequest& request, Connection& c) {
    if (request.Header("authorization") != "Bearer t") {
      return c.Reply(401, "",
                     {{"WWW-Authenticate", "Bearer realm=\"http://" + other_->Host() +
                                               "/token\",service=\"s\",scope=\"repository:team/app:pull\""}});
    }
    EXPECT_EQ(request.Header("content-type"), "a/b");
    EXPECT_EQ(request.body, "{}");
    c.Reply(201);
  });
  ASSERT_TRUE(push.PutManifest("v1", "a/b", "{}", {}).ok());
  EXPECT_THAT(ToLower(other_->Requests().at(0).target), HasSubstr("pull%2cpush"));
}

TEST_F(PushTest, TheRegistryCannotMoveAnUploadToPlainHttp) {
  TestHttpServer unlisted([](const TestRequest&, Connection& c) { c.Reply(201); });
  RegistryPush& push = Start([&](const TestRequest& request, Connection& c) {
    if (request.method == "HEAD") return c.Reply(404);
    c.Reply(202, "", {{"Location", "http://" + unlisted.Host() + "/x"}});
  });
  const absl::Status status = push.PutBlob(DescriptorOf(kBlob), TextBody(kBlob), {});
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(status.ToString(), HasSubstr("plain HTTP"));
  EXPECT_TRUE(unlisted.Requests().empty());
}

TEST(PushToDebiansRegistry, WhatIsPushedCanBePulled) {
  if (!DockerRegistry::Installed()) GTEST_SKIP() << "docker-registry is not installed";
  const TempDir dir = TempDir::Create("/tmp/cc-push-test-").value();
  DockerRegistry registry(dir.path());
  ASSERT_TRUE(registry.Start(dir.path()).ok());
  HttpOptions options;
  options.plain_http_hosts = {registry.host()};
  const auto http = HttpClient::Create(options).value();
  const Reference reference = Reference::Parse(registry.host() + "/team/app:v1").value();
  RegistryPush push(http, reference, std::nullopt);
  const testing::TestImage image =
      testing::MakeImage({{kBlob, kBlob, testing::kOciLayer}, {"", "", testing::kOciLayer}});
  for (const auto& [digest, data] : image.blobs) {
    const absl::Status status = push.PutBlob(DescriptorOf(data), TextBody(data), {});
    ASSERT_TRUE(status.ok()) << status;
  }
  EXPECT_TRUE(*push.HasBlob(DescriptorOf(kBlob).digest, {}));
  EXPECT_FALSE(*push.HasBlob(DescriptorOf("other").digest, {}));
  // The registry checks the digest itself.
  EXPECT_FALSE(push.PutBlob({"", DescriptorOf("other").digest, kBlob.size()}, TextBody(kBlob), {}).ok());
  const absl::Status status = push.PutManifest("v1", testing::kOciManifest, image.manifest, {});
  ASSERT_TRUE(status.ok()) << status;
  Registry pull(http, reference, std::nullopt);
  const auto document = pull.FetchManifest({});
  ASSERT_TRUE(document.ok()) << document.status();
  EXPECT_EQ(document->body, image.manifest);
  std::string received;
  ASSERT_TRUE(pull.FetchBlob(DescriptorOf(kBlob),
                             [&](std::string_view data) {
                               received.append(data);
                               return absl::OkStatus();
                             },
                             {})
                  .ok());
  EXPECT_EQ(received, kBlob);
}

}  // namespace
}  // namespace cc::image
