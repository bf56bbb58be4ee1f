// SPDX-License-Identifier: Apache-2.0
#include "base/toml.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/status.h"

namespace cc {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct Config {
  std::string name = "default";
  uint32_t memory = 512;
  bool debug = false;
  std::vector<std::string> hosts;
  std::string accel = "auto";
};

absl::StatusOr<Config> Read(std::string_view text) {
  absl::StatusOr<TomlTable> root = TomlTable::Parse(text, "c.toml");
  if (!root.ok()) return root.status();
  Config config;
  root->Read("name", &config.name);
  TomlTable vm = root->Table("vm");
  vm.Read("memory_mib", &config.memory);
  vm.Read("debug", &config.debug);
  vm.Read("hosts", &config.hosts);
  vm.ReadChoice("accel", &config.accel, {"auto", "kvm", "tcg"});
  absl::Status status = root->Finish();
  if (!status.ok()) return status;
  return config;
}

TEST(TomlTable, ReadsValuesAndKeepsDefaults) {
  absl::StatusOr<Config> config = Read("[vm]\nmemory_mib = 64\nhosts = [\"a\", \"b\"]\naccel = \"tcg\"\n");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->name, "default");
  EXPECT_EQ(config->memory, 64u);
  EXPECT_THAT(config->hosts, ElementsAre("a", "b"));
  EXPECT_EQ(config->accel, "tcg");
  EXPECT_TRUE(Read("").ok());
}

TEST(TomlTable, EachErrorNamesFileLineKeyAndWhatIsAllowed) {
  const struct {
    const char* text;
    const char* message;
  } kCases[] = {
      {"[vm]\nmemory_mb = 1\n", "c.toml:2: unknown key vm.memory_mb"},
      {"[vm]\nmemory_mb = 1\n", "memory_mib"},
      {"[vn]\n", "c.toml:1: unknown key vn"},
      {"name = 1\n", "c.toml:1: name must be a string"},
      {"[vm]\nmemory_mib = -1\n", "c.toml:2: vm.memory_mib must be a whole number"},
      {"[vm]\nmemory_mib = 4294967296\n", "whole number"},
      {"[vm]\ndebug = \"yes\"\n", "true or false"},
      {"[vm]\nhosts = [\"a\", 1]\n", "a list of strings"},
      {"[vm]\nhosts = \"a\"\n", "a list of strings"},
      {"[vm]\naccel = \"fast\"\n", "one of \"auto\", \"kvm\", \"tcg\""},
      {"vm = 3\n", "vm must be a table"},
      {"name = \n", "c.toml:1: "},
  };
  for (const auto& c : kCases) {
    absl::StatusOr<Config> config = Read(c.text);
    EXPECT_EQ(config.status().code(), absl::StatusCode::kInvalidArgument) << c.text;
    EXPECT_THAT(std::string(config.status().message()), HasSubstr(c.message)) << c.text;
  }
}

TEST(TomlTable, ReadsListsOfTablesAndRefusesUnknownKeysInThem) {
  const auto read = [](std::string_view text) -> absl::StatusOr<std::vector<std::string>> {
    CC_ASSIGN_OR_RETURN(TomlTable root, TomlTable::Parse(text, "c.toml"));
    std::vector<std::string> names;
    for (TomlTable& entry : root.Tables("entry")) entry.Read("name", &names.emplace_back());
    CC_RETURN_IF_ERROR(root.Finish());
    return names;
  };
  absl::StatusOr<std::vector<std::string>> names = read("[[entry]]\nname = \"a\"\n[[entry]]\nname = \"b\"\n");
  ASSERT_TRUE(names.ok()) << names.status();
  EXPECT_THAT(*names, ElementsAre("a", "b"));
  names = read("entry = []\n");
  ASSERT_TRUE(names.ok()) << names.status();
  EXPECT_TRUE(names->empty());
  EXPECT_THAT(*read(""), ElementsAre());
  EXPECT_THAT(std::string(read("[[entry]]\nname = \"a\"\n[[entry]]\nnme = \"b\"\n").status().message()),
              HasSubstr("c.toml:4: unknown key entry[1].nme; known keys here: name"));
  EXPECT_THAT(std::string(read("entry = [1]\n").status().message()),
              HasSubstr("entry must be a list of tables"));
  EXPECT_THAT(std::string(read("[entry]\n").status().message()), HasSubstr("entry must be a list of tables"));
}

TEST(TomlTable, MissingFileIsNotFound) {
  EXPECT_EQ(TomlTable::Load("/no/such/config.toml").status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace cc
