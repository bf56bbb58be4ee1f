// SPDX-License-Identifier: Apache-2.0
#include "datahub/config/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cc::datahub {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

absl::StatusOr<Config> FromCmdline(const std::string& cmdline) {
  return MakeConfig(KernelCmdline::Parse(cmdline), std::nullopt, std::nullopt);
}
CdhConfig Cdh(const std::string& toml) {
  auto config = ParseCdhConfig(toml, "cdh.toml");
  EXPECT_TRUE(config.ok()) << config.status();
  return config.ok() ? *config : CdhConfig();
}
AaConfig Aa(const std::string& toml) {
  auto config = ParseAaConfig(toml, "aa.toml");
  EXPECT_TRUE(config.ok()) << config.status();
  return config.ok() ? *config : AaConfig();
}

TEST(ConfigTest, CommandLineAddsPlainHttpHostsAndProxies) {
  const auto config = FromCmdline(
      "cc.insecure_plain_http=Reg:5000,,10.0.0.1 agent.https_proxy=http://p:1 agent.http_proxy=http://p:2 "
      "agent.no_proxy=\"a, b\" agent.image_registry_auth=file:///etc/auth.json");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_THAT(config->image.http.plain_http_hosts, ElementsAre("10.0.0.1", "reg:5000"));
  EXPECT_EQ(config->image.http.https_proxy, "http://p:1");
  EXPECT_EQ(config->image.http.http_proxy, "http://p:2");
  EXPECT_EQ(config->image.http.no_proxy, "a, b");
  EXPECT_EQ(config->image_sources.credentials_uri, "file:///etc/auth.json");
  EXPECT_EQ(config->socket, "/run/confidential-containers/cdh.sock");
}

TEST(ConfigTest, RefusesPatternsAsPlainHttpHosts) {
  for (const char* bad : {"*", "*.example.com", "http://x", "a/b", "u@h"}) {
    EXPECT_FALSE(FromCmdline(std::string("cc.insecure_plain_http=") + bad).ok()) << bad;
  }
}

TEST(ConfigTest, CommandLineNamesTheKeyBroker) {
  EXPECT_EQ(FromCmdline("")->attestation.kbs_url, "");
  EXPECT_FALSE(FromCmdline("")->attestation.offline_resources);
  const auto broker =
      FromCmdline("agent.aa_kbc_params=cc_kbc::https://kbs:8080 agent.insecure_sample_evidence=true");
  ASSERT_TRUE(broker.ok());
  EXPECT_EQ(broker->attestation.kbs_url, "https://kbs:8080");
  EXPECT_TRUE(broker->attestation.insecure_sample_evidence);
  EXPECT_FALSE(broker->attestation.offline_resources);
  EXPECT_TRUE(FromCmdline("agent.aa_kbc_params=offline_fs_kbc::null")->attestation.offline_resources);
  EXPECT_FALSE(FromCmdline("agent.aa_kbc_params=https://kbs").ok());
}

TEST(ConfigTest, ContainersGetARestInterfaceOnlyWhenTheCommandLineSaysSo) {
  EXPECT_FALSE(FromCmdline("")->rest.any());
  EXPECT_TRUE(FromCmdline("agent.guest_components_rest_api=all")->rest.attestation);
  const auto resource = FromCmdline("agent.guest_components_rest_api=resource");
  EXPECT_TRUE(resource->rest.resource && !resource->rest.attestation);
  EXPECT_THAT(FromCmdline("agent.guest_components_rest_api=everything").status().ToString(),
              HasSubstr("agent.guest_components_rest_api"));
}

TEST(ConfigTest, FilesHaveWeightOverTheCommandLine) {
  const auto cmdline = KernelCmdline::Parse(
      "agent.aa_kbc_params=cc_kbc::https://host agent.https_proxy=http://p:1 agent.no_proxy=x");
  const auto config = MakeConfig(
      cmdline,
      Cdh("socket = \"unix:///s\"\nskip_sealed_secret_verification = true\n[kbc]\nname = \"cc_kbc\"\nurl = "
          "\"https://owner\"\n[image]\nwork_dir = \"/w\"\nmax_concurrent_layer_downloads_per_image = 5\n"
          "[image.image_pull_proxy]\nhttps_proxy = \"http://q:1\"\n[log]\nlevel = \"debug\"\n"),
      Aa("[token_configs.kbs]\nurl = \"https://owner\"\ncert = \"pem\"\ntee_key_algorithm = "
         "\"RSA-OAEP-256\"\n"));
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->socket, "/s");
  EXPECT_EQ(config->attestation.kbs_url, "https://owner");
  EXPECT_EQ(config->attestation.kbs_roots, "pem");
  EXPECT_EQ(config->attestation.tee_key_algorithm, attest::TeeKeyAlgorithm::kRsaOaep256);
  EXPECT_EQ(config->image.store, "/w");
  EXPECT_EQ(config->image.parallel_layers, 5);
  EXPECT_EQ(config->image.http.https_proxy, "http://q:1");
  EXPECT_EQ(config->image.http.no_proxy, "x");
  EXPECT_TRUE(config->unseal.unverified.has_value());
  EXPECT_EQ(config->log_level, log::Level::kDebug);
}

TEST(ConfigTest, AaTomlAloneNamesTheKeyBroker) {
  const auto config = MakeConfig(KernelCmdline::Parse(""), std::nullopt,
                                 Aa("[token_configs.kbs]\nurl = \"https://owner\"\n"
                                    "[token_configs.coco_as]\nurl = \"https://as\"\ncert = \"pem\"\n"));
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->attestation.kbs_url, "https://owner");
  EXPECT_EQ(config->attestation.as_url, "https://as");
  EXPECT_EQ(config->attestation.as_roots, "pem");
  EXPECT_FALSE(config->attestation.offline_resources);
  EXPECT_FALSE(config->unseal.unverified.has_value());
}

TEST(ConfigTest, RefusesContradictionsAndBadValues) {
  const auto error = [](const std::string& cdh, const std::string& aa) {
    return MakeConfig(KernelCmdline::Parse(""), Cdh(cdh), Aa(aa)).status().ToString();
  };
  const std::string kbc = "[kbc]\nname = \"cc_kbc\"\nurl = \"https://a\"\n";
  EXPECT_THAT(error(kbc, "[token_configs.kbs]\nurl = \"https://b\"\n"), HasSubstr("must be the same"));
  EXPECT_THAT(error(kbc, "[token_configs.kbs]\nurl = \"https://a/\"\n"), "OK");
  EXPECT_THAT(error("socket = \"tcp://1\"\n" + kbc, ""), HasSubstr("unix:///path"));
  EXPECT_THAT(error(kbc + "[log]\nlevel = \"loud\"\n", ""), HasSubstr("loud"));
}

}  // namespace
}  // namespace cc::datahub
