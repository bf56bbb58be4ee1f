// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/config.h"

#include <gtest/gtest.h>

#include "base/file.h"
#include "base/strings.h"

namespace cc::snapshotter {
namespace {

TEST(Config, AnEmptyFileGivesUsableDefaults) {
  const auto config = Config::Parse("", "test");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_TRUE(config->Check().ok());
}

TEST(Config, ReadsEveryKey) {
  const auto config = Config::Parse(
      "root = \"/r\"\naddress = \"/a/s\"\n[log]\nlevel = \"debug\"\nformat = \"json\"\n", "test");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->root + config->address + config->log.level + config->log.format, "/r/a/sdebugjson");
}

TEST(Config, RefusesUnknownKeysAndBadValues) {
  for (const char* bad : {"rot = \"/r\"", "root = 1", "[log]\nlevel = \"loud\"", "= 1"}) {
    EXPECT_EQ(Config::Parse(bad, "test").status().code(), absl::StatusCode::kInvalidArgument) << bad;
  }
  Config config;
  config.root = "relative";
  EXPECT_FALSE(config.Check().ok());
  config = Config();
  config.address = "unix:///run/x.sock";
  EXPECT_FALSE(config.Check().ok());
}

TEST(Config, ThePackagedFileHasTheDefaults) {
  const auto packaged = Config::Load(std::string(CC_SOURCE_DIR) + "/packaging/snapshotter.toml");
  ASSERT_TRUE(packaged.ok()) << packaged.status();
  const Config defaults;
  EXPECT_EQ(packaged->root, defaults.root);
  EXPECT_EQ(packaged->address, defaults.address);
  EXPECT_EQ(packaged->log.level, defaults.log.level);
  EXPECT_EQ(packaged->log.format, defaults.log.format);
}

}  // namespace
}  // namespace cc::snapshotter
