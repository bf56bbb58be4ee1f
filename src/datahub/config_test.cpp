// SPDX-License-Identifier: Apache-2.0
#include "datahub/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"

namespace cc::datahub {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(ConfigTest, CommandLineAddsPlainHttpHostsAndProxies) {
  Config config = DefaultConfig();
  ASSERT_TRUE(ApplyCmdline(KernelCmdline::Parse(
                               "cc.insecure_plain_http=Reg:5000,,10.0.0.1 agent.https_proxy=http://p:1 "
                               "agent.http_proxy=http://p:2 agent.no_proxy=\"a, b\""),
                           &config)
                  .ok());
  EXPECT_THAT(config.image.http.plain_http_hosts, ElementsAre("10.0.0.1", "reg:5000"));
  EXPECT_EQ(config.image.http.https_proxy, "http://p:1");
  EXPECT_EQ(config.image.http.http_proxy, "http://p:2");
  EXPECT_EQ(config.image.http.no_proxy, "a, b");
}

TEST(ConfigTest, RefusesPatternsAsPlainHttpHosts) {
  for (const char* bad : {"*", "*.example.com", "http://x", "a/b", "u@h"}) {
    Config config = DefaultConfig();
    EXPECT_FALSE(
        ApplyCmdline(KernelCmdline::Parse(std::string("cc.insecure_plain_http=") + bad), &config).ok())
        << bad;
  }
}

TEST(ConfigTest, ReadsTomlWithTheFilesItNames) {
  absl::StatusOr<TempDir> dir = TempDir::Create("/tmp/cc-datahub-config-");
  ASSERT_TRUE(dir.ok());
  ASSERT_TRUE(WriteFileAtomic(dir->path() + "/auth.json", R"({"auths":{"reg:5000":{"auth":"dTpw"}}})").ok());
  Config config = DefaultConfig();
  const absl::Status status =
      ApplyToml("socket = \"/s\"\n[image]\nstore = \"/x\"\nparallel_layers = 5\nauth_file = \"" +
                    dir->path() + "/auth.json\"\ninsecure_plain_http = [\"reg:5000\"]\n",
                "test.toml", &config);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(config.socket, "/s");
  EXPECT_EQ(config.image.store, "/x");
  EXPECT_EQ(config.image.parallel_layers, 5);
  EXPECT_EQ(config.image.credentials.Find(*image::Reference::Parse("reg:5000/app"))->user, "u");
}

TEST(ConfigTest, CommandLineNamesTheKeyBroker) {
  Config config = DefaultConfig();
  EXPECT_EQ(config.attestation.kbs_url, "");
  ASSERT_TRUE(ApplyCmdline(KernelCmdline::Parse("agent.aa_kbc_params=cc_kbc::https://kbs:8080 "
                                                "agent.insecure_sample_evidence=true"),
                           &config)
                  .ok());
  EXPECT_EQ(config.attestation.kbs_url, "https://kbs:8080");
  EXPECT_TRUE(config.attestation.insecure_sample_evidence);
  EXPECT_FALSE(config.attestation.offline_resources);
  ASSERT_TRUE(ApplyCmdline(KernelCmdline::Parse("agent.aa_kbc_params=offline_fs_kbc::null"), &config).ok());
  EXPECT_TRUE(config.attestation.offline_resources);
  EXPECT_FALSE(ApplyCmdline(KernelCmdline::Parse("agent.aa_kbc_params=https://kbs"), &config).ok());
}

TEST(ConfigTest, ContainersGetARestInterfaceOnlyWhenTheCommandLineSaysSo) {
  Config config = DefaultConfig();
  EXPECT_FALSE(config.rest.any());
  const auto apply = [&config](const std::string& value) {
    return ApplyCmdline(KernelCmdline::Parse("agent.guest_components_rest_api=" + value), &config);
  };
  ASSERT_TRUE(apply("all").ok());
  EXPECT_TRUE(config.rest.resource && config.rest.attestation);
  ASSERT_TRUE(apply("resource").ok());
  EXPECT_TRUE(config.rest.resource && !config.rest.attestation);
  EXPECT_THAT(apply("everything").ToString(), HasSubstr("agent.guest_components_rest_api"));
}

TEST(ConfigTest, ReadsAttestationFromToml) {
  Config config = DefaultConfig();
  const absl::Status status = ApplyToml(
      "[attestation]\nkbs_url = \"http://k\"\ntee_key_algorithm = \"RSA-OAEP-256\"\n", "t", &config);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(config.attestation.kbs_url, "http://k");
  EXPECT_EQ(config.attestation.tee_key_algorithm, attest::TeeKeyAlgorithm::kRsaOaep256);
}

TEST(ConfigTest, NamesWhatIsWrongInToml) {
  const auto error = [](const std::string& toml) {
    Config config = DefaultConfig();
    return ApplyToml(toml, "test.toml", &config).ToString();
  };
  EXPECT_THAT(error("[attestation]\ntee_key_algorithm = \"none\"\n"), HasSubstr("tee_key_algorithm"));
  EXPECT_THAT(error("[attestation]\nkbs_roots = \"/not/there\"\n"), HasSubstr("/not/there"));
  EXPECT_THAT(error("[image]\nstroe = \"/x\"\n"), HasSubstr("stroe"));
  EXPECT_THAT(error("[image]\nparallel_layers = 0\n"), HasSubstr("parallel_layers"));
  EXPECT_THAT(error("[image]\nauth_file = \"/does/not/exist\"\n"), HasSubstr("/does/not/exist"));
  EXPECT_THAT(error("[image]\ninsecure_plain_http = [\"*\"]\n"), HasSubstr("insecure_plain_http"));
}

}  // namespace
}  // namespace cc::datahub
