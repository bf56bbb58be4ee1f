// SPDX-License-Identifier: Apache-2.0
// What goes wrong with an image or its registry: each case with the error that the user sees, and nothing
// left behind.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "image/test_puller.h"

namespace cc::image {
namespace {

using testing::BaseLayer;
using testing::Gzip;
using testing::GzipLayer;
using ::testing::HasSubstr;
using testing::kOciLayer;
using testing::MakeImage;
using testing::PullerTest;
using testing::TarBuilder;
using testing::TestImage;
using testing::TestLayer;
using testing::TopLayer;

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

}  // namespace
}  // namespace cc::image
