// SPDX-License-Identifier: Apache-2.0
// For tests: a puller with its store on a tmpfs of its own, and a registry in the test.
#ifndef CC_IMAGE_TEST_PULLER_H_
#define CC_IMAGE_TEST_PULLER_H_

#include <gtest/gtest.h>
#include <sys/mount.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <iterator>
#include <memory>
#include <string>

#include "base/file.h"
#include "image/puller.h"
#include "image/test_compress.h"
#include "image/test_http_server.h"
#include "image/test_image.h"
#include "image/test_tar.h"

namespace cc::image::testing {

namespace fs = std::filesystem;
using Connection = TestHttpServer::Connection;

inline TestLayer GzipLayer(const TarBuilder& builder) {
  const std::string tar = builder.Finish();
  return {tar, Gzip(tar), std::string(kOciLayer) + "+gzip"};
}

inline TestLayer BaseLayer() {
  return GzipLayer(TarBuilder()
                       .Dir("etc")
                       .File("etc/passwd", "root:x:0:0::/:/bin/sh\napp:x:1000:1000::/home:/bin/sh\n")
                       .File("etc/group", "app:x:1000:\nextra:x:2000:app\n")
                       .Add({.name = "home", .type = '5', .mode = 0711, .uid = 1000})
                       .File("gone", "x"));
}
inline TestLayer TopLayer() {
  const std::string tar = TarBuilder().File("home/new", "hello").File(".wh.gone", "").Finish();
  return {tar, Zstd(tar), std::string(kOciLayer) + "+zstd"};
}

class PullerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "mounting needs root";
    if (::mount("tmpfs", dir_.path().c_str(), "tmpfs", 0, "size=256m") != 0) {
      GTEST_SKIP() << "mounting is not allowed here";
    }
    mounted_ = true;
  }
  void TearDown() override {
    server_.reset();
    if (!mounted_) return;
    puller_.reset();
    if (fs::exists(Bundles())) {
      for (const auto& bundle : fs::directory_iterator(Bundles())) {
        ::umount2((bundle.path() / "rootfs").c_str(), MNT_DETACH);
      }
    }
    ::umount2(dir_.path().c_str(), MNT_DETACH);
  }

  std::string Store() const { return dir_.path() + "/store"; }
  std::string Bundles() const { return dir_.path() + "/bundles"; }
  std::string Bundle(const std::string& name) const { return Bundles() + "/" + name; }
  std::string Rootfs(const std::string& name, const std::string& path) const {
    return Bundle(name) + "/rootfs/" + path;
  }
  size_t Count(const std::string& path) const {
    return static_cast<size_t>(std::distance(fs::directory_iterator(Store() + "/" + path), {}));
  }

  void MakePuller(const std::string& host) {
    PullerOptions options;
    options.store = Store();
    options.bundle_root = Bundles();
    options.http.plain_http_hosts = {host};
    options.retry = {.max_attempts = 2, .first_delay = std::chrono::milliseconds(1)};
    auto puller = Puller::Create(options);
    ASSERT_TRUE(puller.ok()) << puller.status();
    puller_ = std::move(puller).value();
  }
  void Serve(TestHttpServer::Handler handler) {
    server_ = std::make_unique<TestHttpServer>(std::move(handler));
    MakePuller(server_->Host());
  }
  void Serve(const TestImage& image) {
    Serve([image](const TestRequest& request, Connection& c) { ServeImage(image, request, c); });
  }
  absl::StatusOr<PullResult> Pull(const std::string& bundle, std::stop_token stop = {}) {
    return puller_->Pull(server_->Host() + "/app:v1", Bundle(bundle), stop);
  }
  size_t Downloads(const std::string& blob) const {
    const std::string target = "/v2/app/blobs/" + Digest::Of(HashAlgorithm::kSha256, blob).ToString();
    size_t count = 0;
    for (const TestRequest& request : server_->Requests()) count += request.target == target ? 1 : 0;
    return count;
  }
  void ExpectNothingLeft(const std::string& bundle) {
    EXPECT_EQ(Count("staging"), 0u);
    EXPECT_EQ(Count("containers"), 0u);
    EXPECT_FALSE(fs::exists(Bundle(bundle) + "/rootfs/etc"));
  }

  TempDir dir_ = TempDir::Create("/tmp/cc-puller-").value();
  bool mounted_ = false;
  std::unique_ptr<TestHttpServer> server_;
  std::unique_ptr<Puller> puller_;
};

}  // namespace cc::image::testing

#endif  // CC_IMAGE_TEST_PULLER_H_
