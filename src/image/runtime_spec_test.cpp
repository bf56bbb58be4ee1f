// SPDX-License-Identifier: Apache-2.0
#include "image/runtime_spec.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

namespace cc::image {
namespace {

nlohmann::json Spec(const ImageConfig& config, const ProcessUser& user = {}) {
  return nlohmann::json::parse(RuntimeSpec(config, user));
}

TEST(RuntimeSpecTest, MakesTheProcessOfTheImage) {
  ImageConfig config;
  config.entrypoint = {"/bin/e", "x"};
  config.cmd = {"y", "z"};
  config.env = {"A=1", "PATH=/mine", "A=2", "novalue", "=x", "E="};
  config.working_dir = "/w";
  const nlohmann::json process = Spec(config, {7, 8, {8, 9}})["process"];
  EXPECT_EQ(process["args"], nlohmann::json({"/bin/e", "x", "y", "z"}));
  EXPECT_EQ(process["env"], nlohmann::json({"PATH=/mine", "A=2", "E="}));
  EXPECT_EQ(process["cwd"], "/w");
  EXPECT_EQ(process["user"]["uid"], 7);
  EXPECT_EQ(process["user"]["additionalGids"], nlohmann::json({8, 9}));
}

TEST(RuntimeSpecTest, HasDefaults) {
  const nlohmann::json spec = Spec({});
  EXPECT_EQ(spec["process"]["cwd"], "/");
  EXPECT_TRUE(spec["process"]["args"].is_array());
  EXPECT_EQ(spec["process"]["env"].size(), 1u);
  EXPECT_EQ(spec["root"]["path"], "rootfs");
  EXPECT_TRUE(spec.contains("ociVersion"));
}

TEST(RuntimeSpecTest, SurvivesBytesThatAreNotText) {
  ImageConfig config;
  config.env = {"A=\xff\xfe"};
  EXPECT_EQ(Spec(config)["process"]["env"].size(), 2u);
}

}  // namespace
}  // namespace cc::image
