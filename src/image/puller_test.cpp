// SPDX-License-Identifier: Apache-2.0
// Whole pulls: against a registry in the test that misbehaves on request, and against Debian's
// docker-registry.
#include "image/puller.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "base/file.h"
#include "base/process.h"
#include "base/strings.h"
#include "image/test_compress.h"
#include "image/test_docker_registry.h"
#include "image/test_http_server.h"
#include "image/test_image.h"
#include "image/test_tar.h"

namespace cc::image {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using testing::Gzip;
using ::testing::HasSubstr;
using testing::kOciLayer;
using testing::MakeImage;
using testing::ServeImage;
using testing::TarBuilder;
using testing::DockerRegistry;
using testing::TestHttpServer;
using testing::TestImage;
using testing::TestLayer;
using testing::TestRequest;
using testing::Zstd;
using Connection = TestHttpServer::Connection;

TestLayer GzipLayer(const TarBuilder& builder) {
  const std::string tar = builder.Finish();
  return {tar, Gzip(tar), std::string(kOciLayer) + "+gzip"};
}

TestLayer BaseLayer() {
  return GzipLayer(TarBuilder()
                       .Dir("etc")
                       .File("etc/passwd", "root:x:0:0::/:/bin/sh\napp:x:1000:1000::/home:/bin/sh\n")
                       .File("etc/group", "app:x:1000:\nextra:x:2000:app\n")
                       .Add({.name = "home", .type = '5', .mode = 0711, .uid = 1000})
                       .File("gone", "x"));
}
TestLayer TopLayer() {
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
    options.http.stall_timeout = milliseconds(200);
    options.retry = {.max_attempts = 2, .first_delay = milliseconds(1)};
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

// What goes wrong with an image or its registry: each with the error that the user sees.
struct BadImage {
  std::string name;
  std::function<TestImage()> make;
  std::string message;
};

class BadImageTest : public PullerTest, public ::testing::WithParamInterface<BadImage> {};

TEST_P(BadImageTest, FailsWithItsCauseAndLeavesNothing) {
  Serve(GetParam().make());
  const auto result = Pull("c1");
  ASSERT_FALSE(result.ok());
  EXPECT_THAT(result.status().ToString(), HasSubstr(GetParam().message));
  EXPECT_THAT(result.status().ToString(), HasSubstr("pull " + server_->Host() + "/app:v1"));
  ExpectNothingLeft("c1");
}

TestImage With(std::function<void(TestImage&, std::string& blob)> change) {
  const TestLayer layer = BaseLayer();
  TestImage image = MakeImage({layer});
  std::string& blob = image.blobs[Digest::Of(HashAlgorithm::kSha256, layer.blob).ToString()];
  change(image, blob);
  return image;
}

TestImage FromLayer(const std::string& tar, const std::string& blob, const std::string& type) {
  return MakeImage({BaseLayer(), {tar, blob, type}});
}

const std::string kGzipType = std::string(kOciLayer) + "+gzip";

INSTANTIATE_TEST_SUITE_P(
    Table, BadImageTest,
    ::testing::Values(
        BadImage{"WrongDigest", [] { return With([](TestImage&, std::string& blob) { blob[20] ^= 1; }); },
                 "digest mismatch"},
        BadImage{"OtherLayerServed",
                 [] {
                   return With([](TestImage&, std::string& blob) {
                     blob = Gzip(TarBuilder().File("evil", "1").Finish());
                     blob.resize(BaseLayer().blob.size());
                   });
                 },
                 "digest mismatch"},
        BadImage{"LayerMissing",
                 [] {
                   return With([](TestImage& image, std::string&) {
                     image.blobs.erase(Digest::Of(HashAlgorithm::kSha256, BaseLayer().blob).ToString());
                   });
                 },
                 "registry answered 404"},
        BadImage{"LayerTooLong", [] { return With([](TestImage&, std::string& blob) { blob += "xxxx"; }); },
                 "sends more than"},
        BadImage{"LayerTooShort", [] { return With([](TestImage&, std::string& blob) { blob.pop_back(); }); },
                 "sent"},
        BadImage{"TruncatedGzip",
                 [] {
                   const std::string tar = TarBuilder().File("a", std::string(100000, 'x')).Finish();
                   const std::string gzip = Gzip(tar);
                   return FromLayer(tar, gzip.substr(0, gzip.size() - 20), kGzipType);
                 },
                 "gzip layer: the stream is truncated"},
        BadImage{"NotGzip", [] { return FromLayer("x", std::string(5000, 'x'), kGzipType); }, "gzip layer"},
        BadImage{
            "WrongDiffId",
            [] { return FromLayer("something else", Gzip(TarBuilder().File("a", "1").Finish()), kGzipType); },
            "the unpacked layer hashes to"},
        BadImage{"EscapingEntry",
                 [] {
                   const std::string tar = TarBuilder().File("../../escape", "1").Finish();
                   return FromLayer(tar, Gzip(tar), kGzipType);
                 },
                 "contains '..'"},
        BadImage{"Device",
                 [] {
                   const std::string tar =
                       TarBuilder().Add({.name = "mem", .type = '3', .major = 1, .minor = 1}).Finish();
                   return FromLayer(tar, Gzip(tar), kGzipType);
                 },
                 "character device"},
        BadImage{"Bomb",
                 [] {
                   const std::string tar =
                       TarBuilder().Add({.name = "z", .size_field = "77777777777"}).Unfinished();
                   return FromLayer(tar, Gzip(tar), kGzipType);
                 },
                 "RESOURCE_EXHAUSTED"},
        BadImage{"Encrypted", [] { return FromLayer("x", "x", std::string(kOciLayer) + "+gzip+encrypted"); },
                 "no key broker"},
        BadImage{"UnknownLayerType", [] { return FromLayer("x", "x", "application/x-unknown"); },
                 "not supported"},
        BadImage{"NoLayers", [] { return MakeImage({}); }, "has no layers"},
        BadImage{"UnknownUser", [] { return MakeImage({BaseLayer()}, R"({"User":"nobody"})"); },
                 "'nobody' is not in its /etc/passwd"},
        BadImage{"LayerCountDiffers",
                 [] {
                   TestImage image = MakeImage({BaseLayer()});
                   const TestImage two = MakeImage({BaseLayer(), TopLayer()});
                   const auto digest = [](const std::string& s) {
                     return Digest::Of(HashAlgorithm::kSha256, s).ToString();
                   };
                   image.blobs[digest(two.config)] = two.config;
                   std::string& m = image.manifest;
                   m.replace(m.find(digest(image.config)), 71, digest(two.config));
                   const std::string size = "\"size\":" + std::to_string(image.config.size());
                   m.replace(m.find(size), size.size(), "\"size\":" + std::to_string(two.config.size()));
                   return image;
                 },
                 "1 layers, but its config names 2"}),
    [](const auto& info) { return info.param.name; });

TEST_F(PullerTest, AFullStoreIsACleanErrorAndFreesWhatItTook) {
  std::vector<TestLayer> layers{BaseLayer()};
  // 300 MiB by its header, in a store of 256 MiB: refused before anything is written.
  layers.push_back(GzipLayer(TarBuilder().Add({.name = "big", .size_field = "02260000000"})));
  Serve(MakeImage(layers));
  const auto result = Pull("c1");
  EXPECT_EQ(result.status().code(), absl::StatusCode::kResourceExhausted) << result.status();
  ExpectNothingLeft("c1");
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
