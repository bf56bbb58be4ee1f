// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <sstream>

#include "datahub/config/aa_config.h"
#include "datahub/config/cdh_config.h"
#include "datahub/config/kernel_params.h"

namespace cc::datahub {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

absl::StatusOr<KernelParams> Params(const std::string& command_line) {
  std::map<std::string, std::string> values;
  std::istringstream words(command_line);
  for (std::string word; words >> word;)
    values[word.substr(0, word.find('='))] = word.substr(word.find('=') + 1);
  return ReadKernelParams([&](const std::string& key) -> std::optional<std::string> {
    return values.contains(key) ? std::optional(values[key]) : std::nullopt;
  });
}

TEST(KernelParams, ReadsUpstreamsKeys) {
  absl::StatusOr<KernelParams> params = Params(
      "BOOT_IMAGE=/vmlinuz root=UUID=f601123 agent.aa_kbc_params=cc_kbc::http://1.2.3.4:8080/a=b  "
      "agent.no_proxy=localhost\n"
      " agent.https_proxy=http://p:1 agent.image_registry_auth=kbs:///a/b/c "
      "agent.image_policy_file=file:///etc/p.json "
      "agent.enable_signature_verification=true "
      "cdh.kbs_resources=kbs:///a/b/c::/run/confidential-containers/cdh/kbs/x,,kbs:///d/e/f::/run/"
      "confidential-containers/cdh/kbs/y/z\n");
  ASSERT_TRUE(params.ok()) << params.status();
  EXPECT_EQ(params->kbc, "cc_kbc");
  EXPECT_EQ(params->kbs_url, "http://1.2.3.4:8080/a=b");
  EXPECT_EQ(params->https_proxy, "http://p:1");
  EXPECT_EQ(params->no_proxy, "localhost");
  EXPECT_EQ(params->image_registry_auth, "kbs:///a/b/c");
  EXPECT_EQ(params->image_policy_file, "file:///etc/p.json");
  EXPECT_FALSE(params->insecure_sample_evidence);
  ASSERT_EQ(params->credentials.size(), 2u);
  EXPECT_EQ(params->credentials[1].resource.ToString(), "kbs:///d/e/f");
  EXPECT_EQ(params->credentials[1].path, "/run/confidential-containers/cdh/kbs/y/z");
  EXPECT_EQ(AaConfigFrom(*params).kbs->url, params->kbs_url);
  const CdhConfig cdh = CdhConfigFrom(*params);
  EXPECT_EQ(cdh.kbc.name, "cc_kbc");
  EXPECT_EQ(cdh.image.image_security_policy_uri, "file:///etc/p.json");
  EXPECT_EQ(cdh.credentials.size(), 2u);
}

TEST(KernelParams, DefaultsToNoBrokerAndNoWeakening) {
  absl::StatusOr<KernelParams> params = Params("agent.image_policy_file=file:///etc/p.json agent.log=debug");
  ASSERT_TRUE(params.ok()) << params.status();
  EXPECT_EQ(params->image_policy_file, "");
  EXPECT_FALSE(AaConfigFrom(*params).kbs.has_value());
  EXPECT_EQ(CdhConfigFrom(*params).kbc.name, "offline_fs_kbc");
  EXPECT_TRUE(Params("")->kbc.empty());
  EXPECT_TRUE(Params("agent.insecure_sample_evidence=true")->insecure_sample_evidence);
}

TEST(KernelParams, RefusesMalformedValues) {
  const struct {
    const char *text, *message;
  } kCases[] = {
      {"agent.aa_kbc_params=http://1.2.3.4", "must be <kbc>::<URL>"},
      {"agent.aa_kbc_params=::http://1.2.3.4", "must be <kbc>::<URL>"},
      {"agent.aa_kbc_params=cc_kbc::a::b", "must be <kbc>::<URL>"},
      {"agent.aa_kbc_params=eaa_kbc::a", "eaa_kbc"},
      {"agent.insecure_sample_evidence=1", "true or false"},
      {"cdh.kbs_resources=kbs:///a/b/c", "must be <resource URI>::<path>"},
      {"cdh.kbs_resources=kbs:///a/b::/run/confidential-containers/cdh/kbs/x", "three path segments"},
      {"cdh.kbs_resources=kbs:///a/b/c::/etc/passwd", "must be beneath"},
      {"cdh.kbs_resources=kbs:///a/b/c::/run/confidential-containers/cdh/kbs", "must be beneath"},
      {"cdh.kbs_resources=kbs:///a/b/c::/run/confidential-containers/cdh/kbsx/y", "must be beneath"},
      {"cdh.kbs_resources=kbs:///a/b/c::/run/confidential-containers/cdh/kbs/../../x", "must be beneath"},
      {"cdh.kbs_resources=kbs:///a/b/c::/run/confidential-containers/cdh/kbs//x", "must be beneath"},
  };
  for (const auto& c : kCases) {
    const absl::Status status = Params(c.text).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << c.text;
    EXPECT_THAT(std::string(status.message()), HasSubstr(c.message)) << c.text;
  }
}

TEST(AaConfig, ReadsUpstreamsExample) {
  absl::StatusOr<AaConfig> config = ParseAaConfig(R"(
[token_configs]
[token_configs.coco_as]
url = "http://127.0.0.1:8000"
[token_configs.kbs]
url = "https://127.0.0.1:8080"
tee_key_algorithm = "ECDH-ES+A256KW-P521"
cert = '''
-----BEGIN CERTIFICATE-----
'''
[eventlog_config]
init_pcr = 17
enable_eventlog = false
[log]
level = "debug"
)",
                                                  "aa.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->kbs->url, "https://127.0.0.1:8080");
  EXPECT_EQ(config->kbs->tee_key_algorithm, attest::TeeKeyAlgorithm::kEcdhEsA256KwP521);
  EXPECT_THAT(config->kbs->cert, HasSubstr("BEGIN CERTIFICATE"));
  EXPECT_EQ(config->coco_as_url, "http://127.0.0.1:8000");
  EXPECT_EQ(config->log_level, "debug");
  EXPECT_FALSE(config->insecure_sample_evidence);
  EXPECT_FALSE(ParseAaConfig("", "aa.toml")->kbs.has_value());
}

TEST(AaConfig, RefusesWhatItDoesNotKnow) {
  const struct {
    const char *text, *message;
  } kCases[] = {
      {"[token_configs.kbs]\nuri = \"http://x\"\n", "aa.toml:2: unknown key token_configs.kbs.uri"},
      {"[token_configs.kbs]\nurl = 1\n", "must be a string"},
      {"[token_configs.kbs]\nurl = \"http://x\"\ntee_key_algorithm = \"RSA1_5\"\n", "ECDH-ES+A256KW-P256"},
      {"[token_configs.kbs]\ncert = \"x\"\n", "no url"},
      {"[token_configs.coco_as]\ncert = \"x\"\n", "no url"},
      {"[eventlog_config]\nenable_eventlog = true\n", "set it to false"},
      {"insecure_sample = true\n", "unknown key insecure_sample"},
      {"[token_configs", "aa.toml:1"},
  };
  for (const auto& c : kCases) {
    EXPECT_THAT(std::string(ParseAaConfig(c.text, "aa.toml").status().message()), HasSubstr(c.message))
        << c.text;
  }
}

TEST(CdhConfig, ReadsUpstreamsKeys) {
  absl::StatusOr<CdhConfig> config = ParseCdhConfig(R"(
socket = "unix:///run/x.sock"
skip_sealed_secret_verification = true
[aa]
aa_socket = "unix:///run/aa.sock"
[kbc]
name = "cc_kbc"
url = "http://example.io:8080"
kbs_cert = "pem"
[[credentials]]
path = "/run/confidential-containers/cdh/kbs/test/file"
resource_uri = "kbs:///default/test/file"
[image]
max_concurrent_layer_downloads_per_image = 5
image_security_policy_uri = "kbs:///default/security-policy/test"
authenticated_registry_credentials_uri = "file:///etc/auth.json"
extra_root_certificates = ["pem1", "pem2"]
[image.registry_config]
unqualified-search-registries = ["docker.io"]
[[image.registry_config.registry]]
prefix = "example.com/banned"
blocked = true
[[image.registry_config.registry]]
location = "docker.io"
[[image.registry_config.registry.mirror]]
location = "mirror.local"
insecure = true
[image.image_pull_proxy]
https_proxy = "http://127.0.0.1:5432"
)",
                                                    "cdh.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->socket, "unix:///run/x.sock");
  EXPECT_EQ(config->aa_socket, "unix:///run/aa.sock");
  EXPECT_EQ(config->kbc.kbs_cert, "pem");
  EXPECT_TRUE(config->skip_sealed_secret_verification);
  ASSERT_EQ(config->credentials.size(), 1u);
  EXPECT_EQ(config->credentials[0].resource.path(), "default/test/file");
  EXPECT_EQ(config->image.max_concurrent_layer_downloads_per_image, 5u);
  EXPECT_THAT(config->image.extra_root_certificates, ElementsAre("pem1", "pem2"));
  ASSERT_EQ(config->image.registry_config.registries.size(), 2u);
  EXPECT_TRUE(config->image.registry_config.registries[0].blocked);
  ASSERT_EQ(config->image.registry_config.registries[1].mirrors.size(), 1u);
  EXPECT_TRUE(config->image.registry_config.registries[1].mirrors[0].insecure);
  EXPECT_EQ(config->image.image_pull_proxy.https_proxy, "http://127.0.0.1:5432");
}

// As CoCo's and its vendors' guides write initdata, with and without certificates.
TEST(AaConfig, ReadsWhatGuidesPublish) {
  const absl::StatusOr<AaConfig> config = ParseAaConfig(
      "[token_configs]\n[token_configs.coco_as]\n\nurl = 'https://kbs:8080'\ncert = \"\"\"\npem\n\"\"\"\n"
      "[token_configs.kbs]\nurl = 'https://kbs:8080'\ncert = \"\"\"\n\"\"\"\n",
      "aa.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->coco_as_url, "https://kbs:8080");
  EXPECT_EQ(config->coco_as_cert, "pem\n");
  EXPECT_EQ(config->kbs->url, "https://kbs:8080");
  EXPECT_EQ(config->kbs->cert, "");
}

TEST(CdhConfig, ReadsWhatGuidesPublish) {
  const absl::StatusOr<CdhConfig> config = ParseCdhConfig(
      "socket = 'unix:///run/confidential-containers/cdh.sock'\ncredentials = []\n\n"
      "[kbc]\nname = 'cc_kbc'\nurl = 'http://kbs:8080'\n"
      "[image]\nimage_security_policy_uri = 'kbs:///default/security-policy/test'\n"
      "[image.registry_config]\nunqualified-search-registries = []\nregistry = []\n",
      "cdh.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_TRUE(config->credentials.empty());
  EXPECT_EQ(config->kbc.url, "http://kbs:8080");
  EXPECT_EQ(config->image.image_security_policy_uri, "kbs:///default/security-policy/test");
  EXPECT_TRUE(config->image.registry_config.registries.empty());
}

TEST(CdhConfig, RefusesWhatItDoesNotKnow) {
  const std::string kbc = "[kbc]\nname = \"offline_fs_kbc\"\n";
  EXPECT_TRUE(ParseCdhConfig(kbc, "cdh.toml").ok());
  const struct {
    std::string text;
    const char* message;
  } kCases[] = {
      {"", "kbc.name must be"},
      {"[kbc]\nname = \"eaa_kbc\"\n", "kbc.name must be"},
      {"[kbc]\nname = \"cc_kbc\"\n", "kbc.url is missing"},
      {kbc + "[image]\npolicy = 1\n", "cdh.toml:4: unknown key image.policy"},
      {kbc + "[image]\nimage_security_policy_uri = \"http://x\"\n", "image.image_security_policy_uri"},
      {kbc + "[[credentials]]\npath = \"/etc/x\"\nresource_uri = \"kbs:///a/b/c\"\n", "must be beneath"},
      {kbc + "[[credentials]]\npath = \"/run/confidential-containers/cdh/kbs/x\"\n", "resource URI ''"},
      {kbc + "[[image.registry_config.registry]]\nmirrors = []\n",
       "unknown key image.registry_config.registry[0].mirrors"},
      {kbc + "[credentials]\n", "credentials must be a list of tables"},
  };
  for (const auto& c : kCases) {
    EXPECT_THAT(std::string(ParseCdhConfig(c.text, "cdh.toml").status().message()), HasSubstr(c.message))
        << c.text;
  }
}

}  // namespace
}  // namespace cc::datahub
