// SPDX-License-Identifier: Apache-2.0
// Round trips: what is encrypted here, the guest's decryptor opens; and against Debian's registry.
#include "owner/image/encrypt.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <variant>

#include "attest/ocicrypt/encrypted_layer.h"
#include "attest/test_keys.h"
#include "base/file.h"
#include "base/process.h"
#include "base/strings.h"
#include "image/push.h"
#include "image/test_compress.h"
#include "image/test_docker_registry.h"
#include "image/test_image.h"
#include "jose/digest.h"
#include "owner/image/location.h"
#include "owner/image/manifest_edit.h"
#include "owner/image/oci_layout.h"

namespace cc::owner {
namespace {

namespace fs = std::filesystem;
using image::testing::DockerRegistry;
using image::testing::kOciLayer;
using image::testing::TestImage;
using image::testing::TestLayer;
using nlohmann::json;
using ::testing::HasSubstr;

const std::string kKey(32, 'K');
const std::string kTar(700000, 't');

std::string DigestOf(const std::string& data) {
  return image::Digest::Of(image::HashAlgorithm::kSha256, data).ToString();
}

std::string Collect(ImageSource& source, const image::Descriptor& descriptor) {
  std::string out;
  const absl::Status status = source.Blob(descriptor,
                                          [&out](std::string_view data) {
                                            out.append(data);
                                            return absl::OkStatus();
                                          },
                                          {});
  EXPECT_TRUE(status.ok()) << status;
  return out;
}

class EncryptTest : public ::testing::Test {
 protected:
  std::string Path(const std::string& name) const { return dir_.path() + "/" + name; }

  // Writes the blobs of an image into a layout and gives its manifest's descriptor.
  image::Descriptor Write(OciLayout& layout, const TestImage& image, const std::string& type) {
    for (const auto& [digest, data] : image.blobs) {
      EXPECT_TRUE(
          layout.PutBlob({"", *image::Digest::Parse(digest), data.size()}, image::TextBody(data), {}).ok());
    }
    image::Descriptor descriptor{type, *image::Digest::Parse(DigestOf(image.manifest)),
                                 image.manifest.size()};
    EXPECT_TRUE(layout.PutManifest(descriptor, image.manifest, {}).ok());
    return descriptor;
  }

  absl::StatusOr<EncryptReport> Encrypt(ImageSource& source, ImageDestination& destination,
                                        const std::string& platform = "") {
    EncryptRequest request;
    request.key_id = *attest::ResourceUri::Parse("kbs:///default/key/app");
    request.key = kKey;
    request.scratch_directory = dir_.path();
    if (!platform.empty()) request.platform = image::Platform{"linux", platform, ""};
    request.progress = [this](const EncryptProgress& progress) { progress_ = progress; };
    return EncryptImage(source, destination, request, {});
  }

  // The digests of the plain layers of an encrypted manifest, opened as the guest does.
  std::vector<std::string> Decrypt(ImageSource& source, const std::string& manifest) {
    std::vector<std::string> out;
    const json document = json::parse(manifest);
    EXPECT_EQ(document["mediaType"], kOciManifestType);
    const auto parsed = std::get<image::Manifest>(*image::ParseManifest(manifest, ""));
    for (size_t i = 0; i < parsed.layers.size(); ++i) {
      EXPECT_TRUE(parsed.layers[i].media_type.ends_with("+encrypted"));
      const auto annotations = document["layers"][i]["annotations"].get<attest::Annotations>();
      attest::TestKeys keys{{"kbs:///default/key/app", kKey}};
      attest::KbsKeyUnwrapper unwrapper(keys);
      auto secrets = attest::OpenLayer(annotations, unwrapper);
      EXPECT_TRUE(secrets.ok()) << secrets.status();
      if (!secrets.ok()) continue;
      std::string ciphertext = Collect(source, parsed.layers[i]);
      std::string plain;
      bool read = false;
      const absl::Status status =
          attest::LayerDecryptor(std::move(*secrets))
              .Decrypt(
                  [&]() -> absl::StatusOr<std::string_view> {
                    return std::exchange(read, true) ? std::string_view() : std::string_view(ciphertext);
                  },
                  [&plain](std::string_view data) {
                    plain.append(data);
                    return absl::OkStatus();
                  });
      EXPECT_TRUE(status.ok()) << status;
      EXPECT_NE(plain, ciphertext);
      out.push_back(DigestOf(plain));
    }
    return out;
  }

  const TempDir dir_ = TempDir::Create("/tmp/cc-encrypt-test-").value();
  EncryptProgress progress_;
};

TestImage ThreeLayers() {
  return image::testing::MakeImage(
      {{kTar, kTar, kOciLayer},
       {"two", image::testing::Gzip("two"), std::string(kOciLayer) + "+gzip"},
       {"three", image::testing::Zstd("three"), std::string(kOciLayer) + "+zstd"}},
      R"({"User":"1000"})");
}

TEST_F(EncryptTest, TheGuestsDecryptorOpensEveryKindOfLayer) {
  const TestImage image = ThreeLayers();
  OciLayout source(Path("plain"), "v1");
  ASSERT_TRUE(source.PutRoot(Write(source, image, kOciManifestType), image.manifest, {}).ok());
  OciLayout destination(Path("encrypted"), "v1");
  const auto report = Encrypt(source, destination);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(progress_.layers_done, 3u);
  EXPECT_EQ(progress_.bytes_done, progress_.bytes);

  const auto root = destination.Root({});
  ASSERT_TRUE(root.ok()) << root.status();
  EXPECT_EQ(root->digest.ToString(), report->digest);
  EXPECT_EQ(DigestOf(root->body), report->digest);
  EXPECT_THAT(Decrypt(destination, root->body),
              ::testing::ElementsAre(DigestOf(kTar), DigestOf(image::testing::Gzip("two")),
                                     DigestOf(image::testing::Zstd("three"))));
  const json before = json::parse(image.manifest), after = json::parse(root->body);
  EXPECT_EQ(after["config"], before["config"]);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(after["layers"][i]["mediaType"],
              before["layers"][i]["mediaType"].get<std::string>() + "+encrypted");
    EXPECT_NE(after["layers"][i]["digest"], before["layers"][i]["digest"]);
  }
  const auto parsed = std::get<image::Manifest>(*image::ParseManifest(root->body, ""));
  EXPECT_EQ(Collect(destination, parsed.config), image.config);
}

TEST_F(EncryptTest, ASecondEncryptionHasOtherKeys) {
  const TestImage image = ThreeLayers();
  OciLayout source(Path("plain"), "v1");
  ASSERT_TRUE(source.PutRoot(Write(source, image, kOciManifestType), image.manifest, {}).ok());
  OciLayout a(Path("a"), "v1"), b(Path("a"), "v2");
  const auto first = Encrypt(source, a), second = Encrypt(source, b);
  ASSERT_TRUE(first.ok() && second.ok()) << first.status() << second.status();
  EXPECT_NE(first->digest, second->digest);
  // Both tags are in the layout.
  EXPECT_TRUE(a.Root({}).ok());
  EXPECT_TRUE(b.Root({}).ok());
  EXPECT_THAT(OciLayout(Path("a"), "").Root({}).status().ToString(), HasSubstr("v1, v2"));
  EXPECT_TRUE(absl::IsNotFound(OciLayout(Path("a"), "v3").Root({}).status()));
}

TEST_F(EncryptTest, DockersDocumentsBecomeOcis) {
  TestImage image = image::testing::MakeImage(
      {{kTar, image::testing::Gzip(kTar), "application/vnd.docker.image.rootfs.diff.tar.gzip"}});
  json manifest = json::parse(image.manifest);
  manifest["mediaType"] = "application/vnd.docker.distribution.manifest.v2+json";
  manifest["config"]["mediaType"] = "application/vnd.docker.container.image.v1+json";
  manifest["layers"][0]["data"] = "c2VjcmV0";
  manifest["layers"][0]["urls"] = {"https://example.com/plain"};
  manifest["layers"][0]["annotations"] = {{"containerd.io/snapshot/stargz/toc.digest", "x"}, {"mine", "y"}};
  manifest["annotations"] = {{"kept", "z"}};
  image.manifest = manifest.dump();
  OciLayout source(Path("plain"), "v1");
  ASSERT_TRUE(source.PutRoot(Write(source, image, manifest["mediaType"]), image.manifest, {}).ok());
  OciLayout destination(Path("encrypted"), "v1");
  const auto report = Encrypt(source, destination);
  ASSERT_TRUE(report.ok()) << report.status();
  const std::string body = destination.Root({})->body;
  EXPECT_THAT(Decrypt(destination, body), ::testing::ElementsAre(DigestOf(image::testing::Gzip(kTar))));
  const json after = json::parse(body);
  EXPECT_EQ(after["config"]["mediaType"], "application/vnd.oci.image.config.v1+json");
  EXPECT_EQ(after["layers"][0]["mediaType"], "application/vnd.oci.image.layer.v1.tar+gzip+encrypted");
  EXPECT_FALSE(after["layers"][0].contains("data"));
  EXPECT_FALSE(after["layers"][0].contains("urls"));
  EXPECT_FALSE(after["layers"][0]["annotations"].contains("containerd.io/snapshot/stargz/toc.digest"));
  EXPECT_EQ(after["layers"][0]["annotations"]["mine"], "y");
  EXPECT_EQ(after["annotations"]["kept"], "z");
}

// amd64, arm64 and an attestation; the two images share a layer.
class EncryptIndexTest : public EncryptTest {
 protected:
  EncryptIndexTest() {
    const auto entry = [](const image::Descriptor& descriptor, const char* os, const char* architecture) {
      return json{{"mediaType", descriptor.media_type},
                  {"digest", descriptor.digest.ToString()},
                  {"size", descriptor.size},
                  {"platform", {{"os", os}, {"architecture", architecture}}}};
    };
    const TestLayer shared{kTar, kTar, kOciLayer};
    json index = {{"schemaVersion", 2}, {"mediaType", kOciIndexType}, {"manifests", json::array()}};
    for (const char* architecture : {"amd64", "arm64"}) {
      const TestImage image = image::testing::MakeImage({shared, {architecture, architecture, kOciLayer}},
                                                        "{}", {"linux", architecture, ""});
      index["manifests"].push_back(entry(Write(source_, image, kOciManifestType), "linux", architecture));
    }
    const TestImage attestation = image::testing::MakeImage({{"{}", "{}", "application/vnd.in-toto+json"}});
    index["manifests"].push_back(entry(Write(source_, attestation, kOciManifestType), "unknown", "unknown"));
    const std::string text = index.dump();
    EXPECT_TRUE(
        source_.PutRoot({kOciIndexType, *image::Digest::Parse(DigestOf(text)), text.size()}, text, {}).ok());
  }
  OciLayout source_{Path("plain"), "v1"};
};

TEST_F(EncryptIndexTest, EveryPlatformIsEncryptedAndASharedLayerOnce) {
  OciLayout destination(Path("encrypted"), "v1");
  const auto report = Encrypt(source_, destination);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->images.size(), 2u);
  EXPECT_EQ(report->images[1].platform, "linux/arm64");
  EXPECT_EQ(report->left_out.size(), 1u);
  EXPECT_EQ(progress_.layers, 3u);
  const auto root = destination.Root({});
  const auto index = std::get<image::Index>(*image::ParseManifest(root->body, ""));
  ASSERT_EQ(index.entries.size(), 2u);
  for (const image::IndexEntry& entry : index.entries) {
    const auto manifest = destination.Manifest(entry.descriptor, {});
    ASSERT_TRUE(manifest.ok()) << manifest.status();
    EXPECT_THAT(Decrypt(destination, manifest->body),
                ::testing::ElementsAre(DigestOf(kTar), DigestOf(entry.platform.architecture)));
  }
}

TEST_F(EncryptIndexTest, OnePlatformBecomesAnImageWithoutIndex) {
  OciLayout destination(Path("encrypted"), "v1");
  const auto report = Encrypt(source_, destination, "arm64");
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_THAT(Decrypt(destination, destination.Root({})->body),
              ::testing::ElementsAre(DigestOf(kTar), DigestOf("arm64")));
  const absl::Status none = Encrypt(source_, destination, "riscv64").status();
  EXPECT_TRUE(absl::IsNotFound(none));
  EXPECT_THAT(none.ToString(), HasSubstr("linux/amd64, linux/arm64"));
}

TEST_F(EncryptTest, RefusesWithoutATraceAtTheTag) {
  struct Case {
    const char* name;
    std::vector<TestLayer> layers;
    absl::StatusCode code;
  };
  for (const Case& c :
       {Case{"encrypted",
             {{"x", "x", std::string(kOciLayer) + "+encrypted"}},
             absl::StatusCode::kFailedPrecondition},
        Case{"unknown", {{"x", "x", "application/x-unknown"}}, absl::StatusCode::kInvalidArgument},
        Case{"no layers", {}, absl::StatusCode::kInvalidArgument}}) {
    OciLayout source(Path(c.name), "v1");
    const TestImage image = image::testing::MakeImage(c.layers);
    ASSERT_TRUE(source.PutRoot(Write(source, image, kOciManifestType), image.manifest, {}).ok());
    OciLayout destination(Path(StrCat(c.name, "-out")), "v1");
    EXPECT_EQ(Encrypt(source, destination).status().code(), c.code) << c.name;
    EXPECT_FALSE(fs::exists(Path(StrCat(c.name, "-out/index.json")))) << c.name;
  }
}

TEST_F(EncryptTest, ADamagedLayerIsDataLossAndNothingIsTagged) {
  const TestImage image = ThreeLayers();
  OciLayout source(Path("plain"), "v1");
  ASSERT_TRUE(source.PutRoot(Write(source, image, kOciManifestType), image.manifest, {}).ok());
  std::string damaged = kTar;
  damaged[5] ^= 1;
  ASSERT_TRUE(WriteFileAtomic(Path("plain/blobs/sha256/") + DigestOf(kTar).substr(7), damaged).ok());
  OciLayout destination(Path("encrypted"), "v1");
  const absl::Status status = Encrypt(source, destination).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
  EXPECT_FALSE(fs::exists(Path("encrypted/index.json")));
}

TEST_F(EncryptTest, FromAndToDebiansRegistry) {
  if (!DockerRegistry::Installed() || ::access("/usr/bin/skopeo", X_OK) != 0) {
    GTEST_SKIP() << "docker-registry and skopeo are not installed";
  }
  DockerRegistry registry(dir_.path());
  ASSERT_TRUE(registry.Start(dir_.path()).ok());
  const TestImage image = ThreeLayers();
  OciLayout layout(Path("plain"), "v1");
  ASSERT_TRUE(layout.PutRoot(Write(layout, image, kOciManifestType), image.manifest, {}).ok());
  const std::string plain = "docker://" + registry.host() + "/team/app:plain";
  const auto pushed = cc::Run({.argv = {"skopeo", "--insecure-policy", "copy", "--preserve-digests",
                                        "--dest-tls-verify=false", "oci:" + Path("plain") + ":v1", plain}});
  ASSERT_TRUE(pushed.ok() && pushed->exit.Status() == 0) << pushed->err;

  RegistryOptions options;
  options.plain_http = {registry.host()};
  const ImageLocation to = *ImageLocation::Parse("docker://" + registry.host() + "/team/app:encrypted");
  auto source = OpenSource(*ImageLocation::Parse(plain), options);
  auto destination = OpenDestination(to, options);
  ASSERT_TRUE(source.ok() && destination.ok());
  const auto report = Encrypt(**source, **destination);
  ASSERT_TRUE(report.ok()) << report.status();
  auto back = OpenSource(to, options);
  const auto root = (*back)->Root({});
  ASSERT_TRUE(root.ok()) << root.status();
  EXPECT_EQ(root->digest.ToString(), report->digest);
  EXPECT_THAT(Decrypt(**back, root->body),
              ::testing::ElementsAre(DigestOf(kTar), DigestOf(image::testing::Gzip("two")),
                                     DigestOf(image::testing::Zstd("three"))));
  // Another tool reads it too.
  const auto copied =
      cc::Run({.argv = {"skopeo", "--insecure-policy", "copy", "--src-tls-verify=false",
                        "docker://" + registry.host() + "/team/app:encrypted", "dir:" + Path("skopeo")}});
  ASSERT_TRUE(copied.ok());
  EXPECT_EQ(copied->exit.Status(), 0) << copied->err;
}

TEST(ImageLocation, ReadsSkopeosForms) {
  const struct {
    const char* text;
    const char *directory, *tag;
  } kCases[] = {{"oci:/a/b", "/a/b", ""},
                {"oci:/a/b:v1", "/a/b", "v1"},
                {"oci:a:b:c", "a:b", "c"},
                {"oci:/a:1/b", "/a:1/b", ""}};
  for (const auto& c : kCases) {
    const auto location = ImageLocation::Parse(c.text);
    ASSERT_TRUE(location.ok()) << c.text;
    EXPECT_EQ(location->layout_directory, c.directory);
    EXPECT_EQ(location->layout_tag, c.tag);
  }
  EXPECT_EQ(ImageLocation::Parse("docker://localhost:5000/a:v")->registry->tag, "v");
  for (const char* text : {"", "oci:", "oci::tag", "nginx", "docker:nginx", "docker://", "dir:/x"}) {
    EXPECT_FALSE(ImageLocation::Parse(text).ok()) << text;
  }
  const std::string digest = "docker://localhost:5000/a@sha256:" + std::string(64, 'a');
  EXPECT_FALSE(OpenDestination(*ImageLocation::Parse(digest), {}).ok());
  EXPECT_TRUE(OpenSource(*ImageLocation::Parse(digest), {}).ok());
}

TEST_F(EncryptTest, ALayoutIsReadStrictly) {
  fs::create_directories(Path("l"));
  for (const char* text : {"", "{}", R"({"manifests":{}})", R"({"manifests":[]})", R"({"manifests":[1]})",
                           R"({"manifests":[{"digest":"sha256:../../etc/passwd","size":1}]})",
                           R"({"manifests":[{"digest":"md5:00","size":1}]})"}) {
    ASSERT_TRUE(WriteFileAtomic(Path("l/index.json"), text).ok());
    EXPECT_FALSE(OciLayout(Path("l"), "").Root({}).ok()) << text;
  }
}

}  // namespace
}  // namespace cc::owner
