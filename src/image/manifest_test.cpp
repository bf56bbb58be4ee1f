// SPDX-License-Identifier: Apache-2.0
#include "image/manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace cc::image {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const std::string kA = "sha256:" + std::string(64, 'a');
const std::string kB = "sha256:" + std::string(64, 'b');

std::string Descriptor(const std::string& digest, const std::string& size = "10",
                       const std::string& type = "t") {
  return R"({"mediaType":")" + type + R"(","digest":")" + digest + R"(","size":)" + size + "}";
}

TEST(ManifestTest, ReadsAnImageManifest) {
  const auto parsed = ParseManifest(R"({"schemaVersion":2,"config":)" + Descriptor(kA) + R"(,"layers":[)" +
                                        Descriptor(kB, "7", "l1") + "," + Descriptor(kA, "0", "l2") +
                                        R"(],"annotations":{"x":"y"}})",
                                    "application/vnd.oci.image.manifest.v1+json; charset=utf-8");
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  const Manifest& manifest = std::get<Manifest>(*parsed);
  EXPECT_EQ(manifest.config.digest.ToString(), kA);
  ASSERT_EQ(manifest.layers.size(), 2u);
  EXPECT_EQ(manifest.layers[0].media_type, "l1");
  EXPECT_EQ(manifest.layers[0].size, 7u);
}

TEST(ManifestTest, KeepsAnnotationsOfLayers) {
  const auto manifest = [](const std::string& annotations) {
    return ParseManifest(R"({"config":)" + Descriptor(kA) + R"(,"layers":[{"mediaType":"t","digest":")" + kB +
                             R"(","size":1,"annotations":)" + annotations + "}]}",
                         "");
  };
  const auto parsed = manifest(R"({"a":"1","b":""})");
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  const std::map<std::string, std::string> expected{{"a", "1"}, {"b", ""}};
  EXPECT_EQ(std::get<Manifest>(*parsed).layers[0].annotations, expected);
  EXPECT_TRUE(manifest("null").ok());
  for (const char* bad : {"[]", R"("a")", R"({"a":1})", R"({"a":{"b":"c"}})"}) {
    EXPECT_THAT(manifest(bad).status().ToString(), HasSubstr("annotation")) << bad;
  }
}

TEST(ManifestTest, ReadsAnIndexWhateverItsHeaderSays) {
  const std::string body =
      R"({"schemaVersion":2,"manifests":[{"digest":")" + kA +
      R"(","size":5,"mediaType":"m","platform":{"os":"linux","architecture":"arm64","variant":"v8"}},)" +
      Descriptor(kB) + "]}";
  for (const char* type : {"application/vnd.oci.image.index.v1+json", "application/json", ""}) {
    const auto parsed = ParseManifest(body, type);
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    const Index& index = std::get<Index>(*parsed);
    ASSERT_EQ(index.entries.size(), 2u);
    EXPECT_EQ(index.entries[0].platform.ToString(), "linux/arm64/v8");
    EXPECT_EQ(index.entries[1].platform.os, "");
  }
}

TEST(ManifestTest, ADocumentIsOneThingOnly) {
  const std::string both = R"({"manifests":[],"config":)" + Descriptor(kA) + R"(,"layers":[]})";
  EXPECT_THAT(ParseManifest(both, "application/vnd.oci.image.index.v1+json").status().ToString(),
              HasSubstr("at once"));
}

TEST(ManifestTest, ExplainsSchemaOne) {
  EXPECT_THAT(ParseManifest(R"({"schemaVersion":1,"fsLayers":[]})", "").status().ToString(),
              HasSubstr("schema 1"));
}

TEST(ManifestTest, RefusesBadDocuments) {
  const std::string config = R"({"config":)" + Descriptor(kA);
  std::string many = config + R"(,"layers":[)";
  for (size_t i = 0; i <= kMaxLayers; ++i) many += (i == 0 ? "" : ",") + Descriptor(kB);
  for (const std::string& bad : std::vector<std::string>{
           std::string(),
           std::string("null"),
           std::string("[]"),
           std::string("{"),
           std::string("{}"),
           config + "}",
           config + R"(,"layers":{}})",
           config + R"(,"layers":[1]})",
           config + R"(,"layers":[{}]})",
           config + R"(,"layers":[)" + Descriptor("sha256:short") + "]}",
           config + R"(,"layers":[)" + Descriptor("../../etc/passwd") + "]}",
           config + R"(,"layers":[)" + Descriptor(kB, "-1") + "]}",
           config + R"(,"layers":[)" + Descriptor(kB, "1.5") + "]}",
           config + R"(,"layers":[)" + Descriptor(kB, "\"7\"") + "]}",
           config + R"(,"layers":[)" + Descriptor(kB, "99999999999999999999") + "]}",
           config + R"(,"layers":[)" + Descriptor(kB, "18446744073709551615") + "]}",
           R"({"config":)" + Descriptor(kA, "99999999") + R"(,"layers":[]})",
           R"({"manifests":{}})",
           R"({"manifests":[{}]})",
           R"({"manifests":[{"digest":")" + kA + R"(","size":1,"platform":"x"}]})",
           R"({"manifests":[{"digest":")" + kA + R"(","size":1,"platform":{"os":7}}]})",
           R"({"mediaType":7})",
           many + "]}",
           std::string(100000, '['),
           R"({"manifests":)" + std::string(100000, '[') + std::string(100000, ']') + "}",
           std::string(kMaxDocumentSize + 1, ' '),
       }) {
    EXPECT_FALSE(ParseManifest(bad, "").ok()) << bad.substr(0, 200);
  }
}

TEST(ImageConfigTest, ReadsWhatAContainerNeeds) {
  const auto config =
      ParseImageConfig(R"({"os":"linux","architecture":"arm64","rootfs":{"type":"layers","diff_ids":[")" +
                       kA + R"("]},"config":{
         "User":"app:grp","WorkingDir":"/w","Env":["A=1","B=2"],"Entrypoint":["/e"],"Cmd":["c"],"Labels":{"x":"y"}}})");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->platform.ToString(), "linux/arm64");
  EXPECT_EQ(config->diff_ids.size(), 1u);
  EXPECT_EQ(config->user, "app:grp");
  EXPECT_EQ(config->working_dir, "/w");
  EXPECT_THAT(config->env, ElementsAre("A=1", "B=2"));
  EXPECT_THAT(config->entrypoint, ElementsAre("/e"));
  EXPECT_THAT(config->cmd, ElementsAre("c"));
}

TEST(ImageConfigTest, NullAndAbsentAreTheSame) {
  for (const char* process : {"null", "{}", R"({"User":null,"Env":null,"Entrypoint":null,"Cmd":null})"}) {
    const auto config =
        ParseImageConfig(std::string(R"({"rootfs":{"diff_ids":null},"config":)") + process + "}");
    ASSERT_TRUE(config.ok()) << config.status();
    EXPECT_THAT(config->env, IsEmpty());
    EXPECT_EQ(config->user, "");
  }
}

TEST(ImageConfigTest, RefusesBadDocuments) {
  for (const char* bad :
       {"", "[]", "{}", R"({"rootfs":[]})", R"({"rootfs":{"diff_ids":["x"]}})",
        R"({"rootfs":{"diff_ids":[1]}})", R"({"rootfs":{},"config":[]})",
        R"({"rootfs":{},"config":{"Env":"x"}})", R"({"rootfs":{},"config":{"Env":[1]}})",
        R"({"rootfs":{},"config":{"User":1}})", R"({"rootfs":{},"config":{"Cmd":["a\u0000b"]}})"}) {
    EXPECT_FALSE(ParseImageConfig(bad).ok()) << bad;
  }
}

}  // namespace
}  // namespace cc::image
