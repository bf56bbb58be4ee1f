// SPDX-License-Identifier: Apache-2.0
// The service as the agent sees it: over ttrpc, by the published names, against a registry in the test.
#include "datahub/service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <thread>

#include "base/file.h"
#include "base/socket.h"
#include "coco/cdh.pb.h"
#include "image/test_compress.h"
#include "image/test_http_server.h"
#include "image/test_image.h"
#include "image/test_tar.h"
#include "ttrpc/client.h"

namespace cc::datahub {
namespace {

using image::testing::Gzip;
using image::testing::kOciLayer;
using image::testing::MakeImage;
using image::testing::ServeImage;
using image::testing::TarBuilder;
using image::testing::TestHttpServer;
using image::testing::TestImage;
using image::testing::TestRequest;
using ::testing::HasSubstr;

TestImage OneLayerImage() {
  const std::string tar = TarBuilder().File("hello", "world").Finish();
  return MakeImage({{tar, Gzip(tar), std::string(kOciLayer) + "+gzip"}});
}

class ServiceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "mounting needs root";
    if (::mount("tmpfs", dir_.path().c_str(), "tmpfs", 0, nullptr) != 0) {
      GTEST_SKIP() << "mounting is not allowed here";
    }
    mounted_ = true;
  }
  void TearDown() override {
    server_.Shutdown();
    if (connection_.joinable()) connection_.join();
    registry_.reset();  // its threads use the client
    client_.reset();
    if (mounted_) {
      ::umount2((Bundle("c1") + "/rootfs").c_str(), MNT_DETACH);
      ::umount2(dir_.path().c_str(), MNT_DETACH);
    }
  }
  void Start(TestHttpServer::Handler handler) {
    registry_ = std::make_unique<TestHttpServer>(std::move(handler));
    image::PullerOptions options;
    options.store = dir_.path() + "/store";
    options.bundle_root = dir_.path() + "/bundles";
    options.http.plain_http_hosts = {registry_->Host()};
    options.retry.max_attempts = 1;
    puller_ = image::Puller::Create(options).value();
    RegisterServices(*puller_, server_);
    auto pair = SocketPair().value();
    connection_ =
        std::thread([this, fd = std::move(pair.first)]() mutable { server_.ServeConnection(std::move(fd)); });
    client_ = std::make_unique<ttrpc::Client>(std::move(pair.second));
  }
  std::string Bundle(const std::string& name) const { return dir_.path() + "/bundles/" + name; }
  absl::StatusOr<api::ImagePullResponse> Pull(const std::string& image, const std::string& bundle) {
    api::ImagePullRequest request;
    request.set_image_url(image);
    request.set_bundle_path(bundle);
    return client_->Call<api::ImagePullResponse>("api.ImagePullService", "PullImage", request);
  }

  TempDir dir_ = TempDir::Create("/tmp/cc-service-").value();
  bool mounted_ = false;
  std::unique_ptr<TestHttpServer> registry_;
  std::unique_ptr<image::Puller> puller_;
  ttrpc::Server server_;
  std::thread connection_;
  std::unique_ptr<ttrpc::Client> client_;
};

TEST_F(ServiceTest, PullsAnImageAndReturnsItsDigest) {
  const TestImage image = OneLayerImage();
  Start([&](const TestRequest& request, TestHttpServer::Connection& c) { ServeImage(image, request, c); });
  const auto response = Pull(registry_->Host() + "/app:v1", Bundle("c1"));
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->manifest_digest(), image.ManifestDigest());
  EXPECT_EQ(ReadFile(Bundle("c1") + "/rootfs/hello").value(), "world");
}

TEST_F(ServiceTest, ErrorsReachTheCallerWithCodeAndCauses) {
  const TestImage image = OneLayerImage();
  const std::string config = image::Digest::Of(image::HashAlgorithm::kSha256, image.config).ToString();
  Start([&](const TestRequest& request, TestHttpServer::Connection& c) {
    if (request.target.find("/blobs/") != std::string::npos && !request.target.ends_with(config))
      return c.Reply(404);
    ServeImage(image, request, c);
  });
  absl::Status status = Pull(registry_->Host() + "/app:v1", Bundle("c1")).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(status.ToString(), HasSubstr("pull " + registry_->Host() + "/app:v1: layer sha256:"));
  EXPECT_THAT(status.ToString(), HasSubstr("registry answered 404"));
  status = Pull("Not A Reference", Bundle("c1")).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Pull(registry_->Host() + "/app:v1", "/etc").status().ToString(), HasSubstr("bundle path"));
}

TEST_F(ServiceTest, AnAbandonedCallEndsThePull) {
  const TestImage image = OneLayerImage();
  const std::string config = image::Digest::Of(image::HashAlgorithm::kSha256, image.config).ToString();
  Start([&](const TestRequest& request, TestHttpServer::Connection& c) {
    if (request.target.find("/blobs/") == std::string::npos || request.target.ends_with(config)) {
      return ServeImage(image, request, c);
    }
    client_->Close();
    c.WaitForPeerToClose();  // comes when the pull gives up
    c.Close();
  });
  EXPECT_FALSE(Pull(registry_->Host() + "/app:v1", Bundle("c1")).ok());
  server_.Shutdown();
  EXPECT_TRUE(std::filesystem::is_empty(dir_.path() + "/store/staging"));
  EXPECT_TRUE(std::filesystem::is_empty(dir_.path() + "/store/layers"));
}

TEST_F(ServiceTest, ProtectedVolumesAreSaidToBeMissing) {
  Start([](const TestRequest&, TestHttpServer::Connection&) {});
  const absl::Status status =
      client_
          ->Call<api::SecureMountResponse>("api.SecureMountService", "SecureMount", api::SecureMountRequest())
          .status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(status.ToString(), HasSubstr("this version"));
}

}  // namespace
}  // namespace cc::datahub
