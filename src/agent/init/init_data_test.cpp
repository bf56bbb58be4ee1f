// SPDX-License-Identifier: Apache-2.0
#include "agent/init/init_data.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/file.h"
#include "initdata/carrier.h"

namespace cc::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

constexpr char kText[] =
    "version = \"0.1.0\"\nalgorithm = \"sha256\"\n[data]\n\"aa.toml\" = \"[log]\"\n\"policy.rego\" = "
    "\"package "
    "agent_policy\"\n";

class InitDataTest : public ::testing::Test {
 protected:
  std::string Path(const std::string& name) const { return dir_.path() + "/" + name; }
  void Disk(const std::string& name, std::string_view content) {
    fs::create_directories(Path("block/" + name));
    fs::create_directories(Path("dev"));
    ASSERT_TRUE(WriteFileAtomic(Path("dev/" + name), content).ok());
  }
  auto Find() { return FindInitData(Path("block"), Path("dev")); }
  TempDir dir_ = TempDir::Create("/tmp/cc-init-data-").value();
};

TEST_F(InitDataTest, SeesAVirtioDiskByItsDeviceId) {
  EXPECT_FALSE(HasVirtioDisk(Path("bus")));
  for (const auto& [name, id] : {std::pair("virtio0", "0x0013\n"), std::pair("virtio1", "0x0001\n")}) {
    fs::create_directories(Path("bus/") + name);
    ASSERT_TRUE(WriteFileAtomic(Path("bus/") + name + "/device", id).ok());
  }
  EXPECT_FALSE(HasVirtioDisk(Path("bus")));
  fs::create_directories(Path("bus/virtio2"));
  ASSERT_TRUE(WriteFileAtomic(Path("bus/virtio2/device"), "0x0002\n").ok());
  EXPECT_TRUE(HasVirtioDisk(Path("bus")));
}

TEST_F(InitDataTest, FindsTheDiskThatCarriesIt) {
  EXPECT_EQ(Find().value(), std::nullopt);
  Disk("sda", initdata::MakeDisk(initdata::Compress("other")));
  Disk("vda", std::string(1024, '\0'));
  EXPECT_EQ(Find().value(), std::nullopt);
  Disk("vdb", initdata::MakeDisk(initdata::Compress(kText)));
  EXPECT_EQ(Find().value(), kText);
}

TEST_F(InitDataTest, ADamagedDiskIsAnError) {
  Disk("vda", "initdata" + std::string(8, '\x10') + "rubbish");
  EXPECT_THAT(Find().status().ToString(), HasSubstr("disk vda"));
  Disk("vda", initdata::MakeDisk("not gzip"));
  EXPECT_FALSE(Find().ok());
}

TEST_F(InitDataTest, LaysOutWhatThereIs) {
  const auto files = LayOutInitData(kText, Path("a/b"));
  ASSERT_TRUE(files.ok()) << files.status();
  EXPECT_THAT(files->data_hub_arguments, ElementsAre("--initdata_toml", Path("a/b/initdata.toml"),
                                                     "--config_file", Path("a/b/aa.toml")));
  EXPECT_EQ(files->policy, "package agent_policy");
  EXPECT_EQ(ReadFile(Path("a/b/initdata.toml")).value(), kText);
  EXPECT_EQ(ReadFile(Path("a/b/aa.toml")).value(), "[log]");
  EXPECT_FALSE(fs::exists(Path("a/b/cdh.toml")));
  EXPECT_FALSE(LayOutInitData("not initdata", Path("c")).ok());
}

}  // namespace
}  // namespace cc::agent
