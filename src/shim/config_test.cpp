// SPDX-License-Identifier: Apache-2.0
#include "shim/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "containerd/runtimeoptions.pb.h"

namespace cc::shim {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string Message(const absl::Status& status) { return status.ToString(); }

google::protobuf::Any Options(const std::string& path, const std::string& body) {
  runtimeoptions::v1::Options options;
  options.set_config_path(path);
  options.set_config_body(body);
  google::protobuf::Any any;
  any.set_type_url("runtimeoptions.v1.Options");
  any.set_value(options.SerializeAsString());
  return any;
}

TEST(ConfigTest, SampleFileIsTheDefaults) {
  absl::StatusOr<std::string> text = ReadFile(std::string(CC_SOURCE_DIR) + "/packaging/config.toml");
  ASSERT_TRUE(text.ok()) << text.status();
  absl::StatusOr<Config> sample = ParseConfig(*text, "sample");
  ASSERT_TRUE(sample.ok()) << sample.status();
  const Config defaults;
  EXPECT_EQ(sample->vmm.backend, defaults.vmm.backend);
  EXPECT_EQ(sample->vmm.kernel, defaults.vmm.kernel);
  EXPECT_EQ(sample->vmm.initramfs, defaults.vmm.initramfs);
  EXPECT_EQ(sample->vmm.memory_mib, defaults.vmm.memory_mib);
  EXPECT_EQ(sample->vmm.boot_timeout_s, defaults.vmm.boot_timeout_s);
  EXPECT_EQ(sample->vmm.agent_timeout_s, defaults.vmm.agent_timeout_s);
  EXPECT_EQ(sample->image.pull_timeout_s, defaults.image.pull_timeout_s);
  EXPECT_EQ(sample->volumes.copy_limit_mib, defaults.volumes.copy_limit_mib);
  EXPECT_EQ(sample->attestation.kbs_url, defaults.attestation.kbs_url);
  EXPECT_EQ(sample->attestation.insecure_sample_evidence, defaults.attestation.insecure_sample_evidence);
  EXPECT_EQ(sample->state_dir, defaults.state_dir);
}

TEST(ConfigTest, ReadsEveryKind) {
  absl::StatusOr<Config> config = ParseConfig(
      "state_dir='/s'\n[vmm]\naccel='tcg'\ntee='cca'\nvcpus=2\nkernel_params=['a','b=c']\n"
      "[image]\ninsecure_plain_http=['127.0.0.1:5000']\n[attestation]\nkbs_url='http://"
      "k:8080'\ninsecure_sample_evidence=true\n"
      "[log]\nlevel='debug'\nformat='json'\n",
      "t");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->vmm.accel, vmm::Accel::kTcg);
  EXPECT_EQ(config->vmm.tee, vmm::Tee::kCca);
  EXPECT_EQ(config->vmm.vcpus, 2u);
  EXPECT_EQ(config->vmm.kernel_params.size(), 2u);
  EXPECT_EQ(config->image.insecure_plain_http.front(), "127.0.0.1:5000");
  EXPECT_EQ(config->attestation.kbs_url, "http://k:8080");
  EXPECT_TRUE(config->attestation.insecure_sample_evidence);
  EXPECT_EQ(config->log.level, log::Level::kDebug);
  EXPECT_EQ(config->log.format, log::Format::kJson);
}

TEST(ConfigTest, WhatTheGuestMustKnowIsOnItsCommandLine) {
  EXPECT_THAT(GuestKernelParams(Config{}), IsEmpty());
  const absl::StatusOr<Config> config = ParseConfig(
      "[vmm]\nkernel_params=['a=b']\n[image]\ninsecure_plain_http=['x:1','y:2']\n"
      "[attestation]\nkbs_url='https://k'\ninsecure_sample_evidence=true\n",
      "t");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_THAT(GuestKernelParams(*config),
              ElementsAre("a=b", "cc.insecure_plain_http=x:1,y:2", "agent.aa_kbc_params=cc_kbc::https://k",
                          "agent.insecure_sample_evidence=true"));
}

TEST(ConfigTest, BadInputIsRefusedByName) {
  struct Case {
    const char* text;
    const char* expected;
  };
  for (const Case& c : std::initializer_list<Case>{{"[vmm]\nkernle='x'\n", "kernle"},
                                                   {"[vmm]\naccel='hvf'\n", "accel"},
                                                   {"[vmm]\nvcpus='two'\n", "vcpus"},
                                                   {"[vmm]\nvcpus=0\n", "vcpus"},
                                                   {"[vmm]\nmemory_mib=-1\n", "memory_mib"},
                                                   {"state_dir='relative'\n", "state_dir"},
                                                   {"[attestation]\nkbs_url='kbs:8080'\n", "kbs_url"},
                                                   {"[attestation]\nkbs_url='http://k x=y'\n", "kbs_url"},
                                                   {"[attestation]\nkbs_url='http://k?a=b'\n", "kbs_url"},
                                                   {"[vmm\n", "file.toml"}}) {
    absl::StatusOr<Config> config = ParseConfig(c.text, "file.toml");
    ASSERT_FALSE(config.ok()) << c.text;
    EXPECT_EQ(config.status().code(), absl::StatusCode::kInvalidArgument) << c.text;
    EXPECT_THAT(Message(config.status()), HasSubstr(c.expected));
  }
}

TEST(ConfigTest, NamedFileMustExist) {
  absl::StatusOr<Config> config = LoadConfig(Options("/nonexistent/x.toml", ""), "");
  EXPECT_EQ(config.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(Message(config.status()), HasSubstr("/nonexistent/x.toml"));
  EXPECT_EQ(LoadConfig(std::nullopt, "/nonexistent/y.toml").status().code(), absl::StatusCode::kNotFound);
}

TEST(ConfigTest, OptionsComeBeforeTheEnvironment) {
  absl::StatusOr<Config> config = LoadConfig(Options("", "[vmm]\nvcpus=3\n"), "/nonexistent");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->vmm.vcpus, 3u);
}

TEST(ConfigTest, OptionsOfAnotherRuntimeAreIgnored) {
  google::protobuf::Any runc;
  runc.set_type_url("containerd.runc.v1.Options");
  runc.set_value("\x08\x01");
  EXPECT_TRUE(LoadConfig(runc, "").ok());
}

}  // namespace
}  // namespace cc::shim
