// SPDX-License-Identifier: Apache-2.0
#include "trustee/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/file.h"
#include "trustee/key_file.h"

namespace cc::trustee {
namespace {

using ::testing::HasSubstr;

TEST(ConfigTest, AFileThatSaysNothingDeniesAdministrationAndEvidence) {
  const auto config = Config::Parse("", "empty.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->admin.mode, "deny_all");
  EXPECT_EQ(config->listen, "127.0.0.1:8080");
  EXPECT_FALSE(config->verifier.insecure_sample);
  EXPECT_FALSE(config->verifier.insecure_cca_debug_lifecycle);
  EXPECT_EQ(Config::Embedded().admin.mode, "generated");
}

TEST(ConfigTest, ThePackagedFileHasTheDefaultsAndAnAdministrator) {
  const auto packaged = Config::Load(std::string(CC_SOURCE_DIR) + "/packaging/trustee.toml");
  ASSERT_TRUE(packaged.ok()) << packaged.status();
  const Config defaults = Config::Embedded();
  EXPECT_EQ(packaged->listen + packaged->data_dir, defaults.listen + defaults.data_dir);
  EXPECT_EQ(packaged->tls.certificate + packaged->tls.key, "");
  EXPECT_EQ(packaged->http.body_limit_kib, defaults.http.body_limit_kib);
  EXPECT_EQ(packaged->http.connections, defaults.http.connections);
  EXPECT_EQ(packaged->http.connections_per_address, defaults.http.connections_per_address);
  EXPECT_EQ(packaged->http.requests_per_second, defaults.http.requests_per_second);
  EXPECT_EQ(packaged->store.postgres, "");
  EXPECT_EQ(packaged->store.postgres_connections, defaults.store.postgres_connections);
  EXPECT_FALSE(packaged->store.insecure_postgres_plaintext);
  EXPECT_EQ(packaged->session.store, defaults.session.store);
  EXPECT_EQ(packaged->session.timeout_seconds, defaults.session.timeout_seconds);
  EXPECT_EQ(packaged->session.capacity, defaults.session.capacity);
  EXPECT_EQ(packaged->token.issuer, defaults.token.issuer);
  EXPECT_EQ(packaged->token.lifetime_seconds, defaults.token.lifetime_seconds);
  EXPECT_EQ(packaged->token.signing_key, "");
  EXPECT_EQ(packaged->admin.mode, defaults.admin.mode);
  EXPECT_FALSE(packaged->verifier.insecure_sample || packaged->verifier.insecure_cca_debug_lifecycle);
  EXPECT_EQ(packaged->verifier.cca_trust_anchors + packaged->verifier.insecure_cca_any_platform_key, "");
  EXPECT_EQ(
      packaged->faces.attestation_grpc + packaged->faces.attestation_rest + packaged->faces.reference_grpc,
      "");
  EXPECT_FALSE(packaged->faces.insecure_plaintext || packaged->faces.insecure_open_administration);
  EXPECT_EQ(packaged->log.level + packaged->log.format, defaults.log.level + defaults.log.format);
}

TEST(ConfigTest, ReadsEverySection) {
  const auto config = Config::Parse(R"(listen = "0.0.0.0:8443"
data_dir = "/data"
[tls]
certificate = "c.pem"
key = "k.pem"
[http]
body_limit_kib = 10
[store]
postgres = "host=/run/postgresql dbname=trustee"
postgres_connections = 4
[session]
store = "database"
[token]
lifetime_seconds = 60
[admin]
mode = "jwt"
public_keys = ["a.pem"]
rules = ["owner .*"]
[verifier]
cca_trust_anchors = "ta.json"
[log]
format = "json"
)",
                                    "full.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->tls.key, "k.pem");
  EXPECT_EQ(config->http.body_limit_kib, 10u);
  EXPECT_EQ(config->store.postgres, "host=/run/postgresql dbname=trustee");
  EXPECT_EQ(config->store.postgres_connections, 4u);
  EXPECT_FALSE(config->store.insecure_postgres_plaintext);
  EXPECT_EQ(config->session.store, "database");
  EXPECT_EQ(config->token.lifetime_seconds, 60u);
  EXPECT_EQ(config->admin.rules.size(), 1u);
  EXPECT_EQ(config->verifier.cca_trust_anchors, "ta.json");
}

TEST(ConfigTest, NamesTheKeyThatIsWrong) {
  const std::pair<const char*, const char*> cases[] = {
      {"port = 1", "port"},
      {"[admin]\nmode = \"allow\"", "admin.mode"},
      {"[admin]\nmode = \"jwt\"", "public_keys"},
      {"[tls]\nkey = \"k\"", "certificate and key"},
      {"[session]\nstore = \"redis\"", "session.store"},
      {"[session]\ntimeout_seconds = 0", "timeout_seconds"},
      {"[http]\nbody_limit_kib = -1", "body_limit_kib"},
      {"[http]\nconnections = 0", "connections"},
      {"[token]\nissuer = \"\"", "issuer"},
      {"[verifier]\nsample = true", "sample"},
      {"[attestation]\nremote_grpc = \"unix:/as.sock\"", "trusted_issuers"},
      {"[attestation]\nremote_grpc = \"unix:/as.sock\"\n[token]\ntrusted_issuers = [\"a b\"]\n"
       "[faces]\nreference_grpc = \"unix:/r.sock\"",
       "exclude each other"},
  };
  for (const auto& [text, fault] : cases) {
    const auto config = Config::Parse(text, "bad.toml");
    ASSERT_FALSE(config.ok()) << text;
    EXPECT_THAT(std::string(config.status().message()), HasSubstr(fault)) << text;
  }
}

TEST(KeyFileTest, MakesAKeyOnceAndForTheOwnerOnly) {
  const TempDir dir = *TempDir::Create("key");
  const std::string path = dir.path() + "/token.key";
  const auto made = LoadOrMakeKey(path, jose::KeyType::kP256);
  ASSERT_TRUE(made.ok()) << made.status();
  struct stat info {};
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  EXPECT_EQ(LoadOrMakeKey(path, jose::KeyType::kP256)->Thumbprint(), made->Thumbprint());
}

TEST(KeyFileTest, RefusesKeysThatOthersCanReadAndPublicOnes) {
  const TempDir dir = *TempDir::Create("key");
  const std::string path = dir.path() + "/token.key";
  const auto key = *LoadOrMakeKey(path, jose::KeyType::kP256);
  ASSERT_EQ(::chmod(path.c_str(), 0640), 0);
  EXPECT_EQ(LoadKey(path).status().code(), absl::StatusCode::kPermissionDenied);
  ASSERT_TRUE(WriteFileAtomic(path, key.PublicPem(), 0600).ok());
  EXPECT_EQ(LoadKey(path).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(LoadKey(dir.path() + "/none").status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace cc::trustee
