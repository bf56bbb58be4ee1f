// SPDX-License-Identifier: Apache-2.0
// Whole pulls: against a registry in the test that misbehaves on request, and against Debian's
// docker-registry.
#include "image/puller.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "base/file.h"
#include "base/process.h"
#include "base/strings.h"
#include "image/test_docker_registry.h"
#include "image/test_puller.h"

namespace cc::image {
namespace {

namespace fs = std::filesystem;
using testing::BaseLayer;
using testing::Connection;
using testing::DockerRegistry;
using testing::GzipLayer;
using ::testing::HasSubstr;
using testing::MakeImage;
using testing::PullerTest;
using testing::ServeImage;
using testing::TarBuilder;
using testing::TestHttpServer;
using testing::TestImage;
using testing::TestLayer;
using testing::TestRequest;
using testing::TopLayer;

TEST_F(PullerTest, MakesABundle) {
  const TestImage image =
      MakeImage({BaseLayer(), TopLayer()},
                R"({"User":"app","Env":["A=1"],"Entrypoint":["/e"],"Cmd":["c"],"WorkingDir":"/home"})");
  Serve(image);
  const auto result = Pull("c1");
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->manifest_digest.ToString(), image.ManifestDigest());
  EXPECT_EQ(ReadFile(Rootfs("c1", "home/new")).value(), "hello");
  EXPECT_FALSE(fs::exists(Rootfs("c1", "gone")));
  // "home" is only implied by the upper layer: it keeps what the lower one says.
  struct stat st {};
  ASSERT_EQ(::stat(Rootfs("c1", "home").c_str(), &st), 0);
  EXPECT_EQ(st.st_uid, 1000u);
  EXPECT_EQ(st.st_mode & 07777u, 0711u);
  const auto spec = nlohmann::json::parse(ReadFile(Bundle("c1") + "/config.json").value());
  EXPECT_EQ(spec["process"]["args"], nlohmann::json({"/e", "c"}));
  EXPECT_EQ(spec["process"]["user"]["additionalGids"], nlohmann::json({1000, 2000}));
}

TEST_F(PullerTest, ContainersShareLayersButNotWhatTheyWrite) {
  const TestLayer base = BaseLayer();
  Serve(MakeImage({base, TopLayer()}));
  ASSERT_TRUE(Pull("c1").ok());
  ASSERT_TRUE(Pull("c2").ok());
  EXPECT_EQ(Downloads(base.blob), 1u);
  ASSERT_TRUE(WriteFileAtomic(Rootfs("c1", "mine"), "1").ok());
  EXPECT_FALSE(fs::exists(Rootfs("c2", "mine")));
  ASSERT_TRUE(puller_->Release(Bundle("c1")).ok());
  EXPECT_TRUE(fs::exists(Rootfs("c2", "home/new")));
}

TEST_F(PullerTest, PullsAtTheSameTimeDownloadALayerOnce) {
  std::vector<TestLayer> layers;
  for (int i = 0; i < 6; ++i) {
    layers.push_back(GzipLayer(
        TarBuilder().File("f" + std::to_string(i), std::string(200000, static_cast<char>('a' + i)))));
  }
  Serve(MakeImage(layers));
  {
    std::vector<std::jthread> pulls;
    for (int i = 0; i < 6; ++i) {
      pulls.emplace_back([&, i] {
        const auto result = Pull("c" + std::to_string(i));
        EXPECT_TRUE(result.ok()) << result.status();
      });
    }
  }
  for (const TestLayer& layer : layers) EXPECT_EQ(Downloads(layer.blob), 1u);
  EXPECT_EQ(Count("layers"), 6u);
  for (int i = 0; i < 6; ++i) EXPECT_TRUE(fs::exists(Rootfs("c" + std::to_string(i), "f5")));
}

TEST_F(PullerTest, AnotherImageIsNotHeldUpByOneThatHangs) {
  // The second pull finishes while the first one's only layer is waiting for its server.
  const TestImage hanging = MakeImage({GzipLayer(TarBuilder().File("a", "1"))});
  const TestImage quick = MakeImage({GzipLayer(TarBuilder().File("b", "2"))});
  std::mutex mutex;
  std::condition_variable changed;
  bool waiting = false, release = false;
  Serve([&](const TestRequest& request, Connection& c) {
    if (request.target == "/v2/quick/manifests/v1") return c.Reply(200, quick.manifest);
    if (request.target.starts_with("/v2/quick/blobs/"))
      return c.Reply(200, quick.blobs.at(request.target.substr(16)));
    if (request.target.starts_with("/v2/app/blobs/") &&
        request.target.substr(14) != Digest::Of(HashAlgorithm::kSha256, hanging.config).ToString()) {
      std::unique_lock lock(mutex);
      waiting = true;
      changed.notify_all();
      changed.wait(lock, [&] { return release; });
    }
    ServeImage(hanging, request, c);
  });
  std::stop_source stop;
  std::jthread first([&] { (void)Pull("slow", stop.get_token()); });
  {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return waiting; });
  }
  const auto result = puller_->Pull(server_->Host() + "/quick:v1", Bundle("quick"), {});
  EXPECT_TRUE(result.ok()) << result.status();
  {
    const std::lock_guard lock(mutex);
    release = true;
    changed.notify_all();
  }
  stop.request_stop();
}

TEST_F(PullerTest, ACancelledPullLeavesNothingAndCanBeRepeated) {
  const TestImage image = MakeImage({BaseLayer()});
  const std::string config = Digest::Of(HashAlgorithm::kSha256, image.config).ToString();
  std::stop_source stop;
  std::atomic<int> layer_requests = 0;
  Serve([&](const TestRequest& request, Connection& c) {
    const bool layer = request.target.starts_with("/v2/app/blobs/") && !request.target.ends_with(config);
    if (layer && layer_requests++ == 0) {
      c.Send("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nx");
      stop.request_stop();
      c.WaitForPeerToClose();
      return c.Close();
    }
    ServeImage(image, request, c);
  });
  EXPECT_EQ(Pull("c1", stop.get_token()).status().code(), absl::StatusCode::kCancelled);
  ExpectNothingLeft("c1");
  EXPECT_EQ(Count("layers"), 0u);
  EXPECT_TRUE(Pull("c1").ok());
}

TEST_F(PullerTest, ChoosesThisPlatformFromAnIndex) {
  const TestImage mine = MakeImage({GzipLayer(TarBuilder().File("mine", "1"))});
  const TestImage other =
      MakeImage({GzipLayer(TarBuilder().File("other", "1"))}, "{}", {"linux", "riscv64", ""});
  const Platform host = Platform::Host();
  const auto entry = [](const TestImage& image, const Platform& p) {
    return R"({"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":")" +
           image.ManifestDigest() + R"(","size":)" + std::to_string(image.manifest.size()) +
           R"(,"platform":{"os":")" + p.os + R"(","architecture":")" + p.architecture + R"(","variant":")" +
           p.variant + R"("}})";
  };
  const std::string index =
      R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[)" +
      entry(other, {"linux", "riscv64", ""}) + "," + entry(mine, host) + "]}";
  Serve([&](const TestRequest& request, Connection& c) {
    if (request.target.ends_with("/v1")) return c.Reply(200, index);
    ServeImage(mine, request, c);
  });
  const auto result = Pull("c1");
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->manifest_digest.ToString(), mine.ManifestDigest());
  EXPECT_TRUE(fs::exists(Rootfs("c1", "mine")));
}

TEST_F(PullerTest, SaysWhichPlatformsThereAre) {
  Serve(MakeImage({BaseLayer()}, "{}", {"linux", "riscv64", ""}));
  EXPECT_THAT(Pull("c1").status().ToString(), HasSubstr("the image is for linux/riscv64"));
}

TEST_F(PullerTest, BundlesLieBeneathTheirRootAndBesideTheStore) {
  Serve(MakeImage({BaseLayer()}));
  for (const std::string& bad :
       {std::string(), std::string("/"), std::string("/etc"), Bundles(), Bundles() + "/", Bundles() + "x/c1",
        Bundles() + "/../c1", Bundles() + "/a/../b", Bundles() + "//c1", Bundles() + "/./c1",
        std::string("relative"), Bundles() + std::string("/a\0b", 4),
        Bundles() + "/" + std::string(2000, 'x')}) {
    EXPECT_EQ(puller_->Pull(server_->Host() + "/app:v1", bad, {}).status().code(),
              absl::StatusCode::kInvalidArgument)
        << bad;
  }
  EXPECT_EQ(server_->Requests().size(), 0u);
}

TEST_F(PullerTest, ABundleThatIsALinkIsRefused) {
  Serve(MakeImage({BaseLayer()}));
  fs::create_directory(dir_.path() + "/elsewhere");
  fs::create_directories(Bundles());
  fs::create_directory_symlink(dir_.path() + "/elsewhere", Bundle("c1"));
  EXPECT_FALSE(Pull("c1").ok());
  EXPECT_TRUE(fs::is_empty(dir_.path() + "/elsewhere"));
}

TEST_F(PullerTest, ASecondPullIntoABundleInUseIsRefused) {
  Serve(MakeImage({BaseLayer()}));
  ASSERT_TRUE(Pull("c1").ok());
  EXPECT_EQ(Pull("c1").status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_TRUE(fs::exists(Rootfs("c1", "etc/passwd")));
}

// An OCI layout, for skopeo to push.
void WriteLayout(const TestImage& image, const std::string& dir) {
  fs::create_directories(dir + "/blobs/sha256");
  const auto put = [&](const std::string& digest, const std::string& data) {
    ASSERT_TRUE(WriteFileAtomic(dir + "/blobs/sha256/" + digest.substr(7), data).ok());
  };
  for (const auto& [digest, data] : image.blobs) put(digest, data);
  put(image.ManifestDigest(), image.manifest);
  ASSERT_TRUE(WriteFileAtomic(dir + "/oci-layout", R"({"imageLayoutVersion":"1.0.0"})").ok());
  ASSERT_TRUE(
      WriteFileAtomic(
          dir + "/index.json",
          R"({"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":")" +
              image.ManifestDigest() + R"(","size":)" + std::to_string(image.manifest.size()) + "}]}")
          .ok());
}

TEST_F(PullerTest, PullsFromDebiansRegistryWhatSkopeoPushed) {
  if (::access("/usr/bin/docker-registry", X_OK) != 0 || ::access("/usr/bin/skopeo", X_OK) != 0) {
    GTEST_SKIP() << "docker-registry and skopeo are not installed";
  }
  DockerRegistry registry(dir_.path());
  ASSERT_TRUE(registry.Start(dir_.path()).ok());
  const TestImage image = MakeImage({BaseLayer(), TopLayer()}, R"({"User":"1000"})");
  WriteLayout(image, dir_.path() + "/layout");
  MakePuller(registry.host());
  // As it is, and converted by skopeo to Docker's schema 2 (which has no zstd: gzip layers only).
  const TestImage gzip_image = MakeImage({BaseLayer()}, R"({"User":"app"})");
  WriteLayout(gzip_image, dir_.path() + "/layout2");
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"oci:" + dir_.path() + "/layout",
                                 "docker://" + registry.host() + "/team/app:oci"},
        {"--format", "v2s2", "oci:" + dir_.path() + "/layout2",
         "docker://" + registry.host() + "/team/app:docker"}}) {
    SpawnOptions push{.argv = {"skopeo", "--insecure-policy", "copy", "--dest-tls-verify=false"}};
    push.argv.insert(push.argv.end(), arguments.begin(), arguments.end());
    const auto pushed = cc::Run(push);
    ASSERT_TRUE(pushed.ok()) << pushed.status();
    ASSERT_EQ(pushed->exit.Status(), 0) << pushed->err;
  }
  const auto oci = puller_->Pull(registry.host() + "/team/app:oci", Bundle("c1"), {});
  ASSERT_TRUE(oci.ok()) << oci.status();
  EXPECT_EQ(oci->manifest_digest.ToString(), image.ManifestDigest());
  EXPECT_EQ(ReadFile(Rootfs("c1", "home/new")).value(), "hello");
  const auto docker = puller_->Pull("docker://" + registry.host() + "/team/app:docker", Bundle("c2"), {});
  ASSERT_TRUE(docker.ok()) << docker.status();
  EXPECT_TRUE(fs::exists(Rootfs("c2", "etc/passwd")));
  const auto by_digest =
      puller_->Pull(registry.host() + "/team/app@" + image.ManifestDigest(), Bundle("c3"), {});
  EXPECT_TRUE(by_digest.ok()) << by_digest.status();
  EXPECT_THAT(puller_->Pull(registry.host() + "/team/app:none", Bundle("c4"), {}).status().ToString(),
              HasSubstr("registry answered 404 (MANIFEST_UNKNOWN"));
}

}  // namespace
}  // namespace cc::image
