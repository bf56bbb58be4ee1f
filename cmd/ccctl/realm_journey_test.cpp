// SPDX-License-Identifier: Apache-2.0
// The owner's way to a Realm: predict its measurement from the configuration, endorse that, and the Realm
// that reports it gets the key. Tokens are minted with test keys, the rest is the real thing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>

#include "attest/kbs/kbs_client.h"
#include "base/file.h"
#include "base/process.h"
#include "base/status.h"
#include "base/strings.h"
#include "cca/token_samples.h"
#include "jose/base64.h"
#include "trustee/service.h"

namespace cc::ccctl {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

class MintingAttester final : public attest::Attester {
 public:
  std::string_view tee() const override { return "cca"; }
  absl::StatusOr<std::string> GetEvidence(std::string_view report_data) override {
    cca::RealmClaims claims = realm;
    claims.challenge = std::string(report_data);
    claims.challenge.resize(64, '\0');
    CC_ASSIGN_OR_RETURN(const std::string token,
                        cca::MintToken(cca::TokenForm::kCollection, cca::SamplePlatform(), claims,
                                       cca::SampleCpak(), cca::SampleRak()));
    json bytes = json::array();
    for (const char c : token) bytes.push_back(static_cast<unsigned char>(c));
    return json{{"token", bytes}}.dump();
  }
  cca::RealmClaims realm = cca::SampleRealm();
};

class RealmJourney : public ::testing::Test {
 protected:
  RealmJourney() {
    const cca::PlatformClaims platform = cca::SamplePlatform();
    Write("anchors.json", json{{{"pkey", cca::SampleCpak().PublicJwk()},
                                {"implementation-id", jose::ToHex(platform.implementation_id)},
                                {"instance-id", jose::ToHex(platform.instance_id)}}}
                              .dump());
    trustee::Config config = trustee::Config::Embedded();
    config.listen = "127.0.0.1:0";
    config.data_dir = Path("trustee");
    config.verifier.cca_trust_anchors = Path("anchors.json");
    service_ = trustee::Service::Start(config).value();
    std::string image(0x20000, 'k');
    const uint64_t header[] = {0, 0x40000, 0b1010};  // text offset, memory of the kernel, flags
    std::memcpy(image.data() + 8, header, sizeof(header));
    std::memcpy(image.data() + 56, "ARM\x64", 4);
    Write("kernel", image);
    Write("initramfs", "cpio");
    Write("config.toml", StrCat("[vmm]\ntee = \"cca\"\nbackend = \"kvm\"\narch = \"aarch64\"\nkernel = \"",
                                Path("kernel"), "\"\ninitramfs = \"", Path("initramfs"), "\"\n"));
    Write("secret", "the secret");
  }
  std::string Path(const std::string& name) const { return dir_.path() + "/" + name; }
  void Write(const std::string& name, const std::string& text) const {
    ASSERT_TRUE(WriteFileAtomic(Path(name), text, 0600).ok());
  }
  std::string Ccctl(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), CC_CCCTL);
    SpawnOptions options{.argv = arguments};
    options.env = {"PATH=/usr/bin:/bin"};
    options.cwd = dir_.path();
    const absl::StatusOr<Output> output = cc::Run(options);
    EXPECT_TRUE(output.ok() && output->exit.Status() == 0) << (output.ok() ? output->err : "");
    return output.ok() ? output->out : "";
  }
  void Admin(std::vector<std::string> arguments) const {
    std::vector<std::string> all = {"trustee", "--url", "http://" + service_->address(), "--admin-key",
                                    Path("trustee/admin.key")};
    all.insert(all.end(), arguments.begin(), arguments.end());
    Ccctl(all);
  }
  absl::StatusOr<std::string> Get(const std::string& rim, const std::string& rpv) const {
    auto attester = std::make_shared<MintingAttester>();
    attester->realm.hash_algorithm = "sha-256";
    attester->realm.rim = rim;
    attester->realm.rpv = rpv;
    for (std::string& rem : attester->realm.rems) rem = std::string(32, '\0');
    attest::KbsOptions options;
    options.url = "http://" + service_->address();
    CC_ASSIGN_OR_RETURN(const auto client, attest::KbsClient::Create(options, attester));
    const absl::StatusOr<SecretBytes> secret =
        client->Get(*attest::ResourceUri::Parse("kbs:///default/key/1"));
    if (!secret.ok()) return secret.status();
    return std::string(secret->view());
  }

  const TempDir dir_ = TempDir::Create("/tmp/cc-realm-journey-").value();
  std::unique_ptr<trustee::Service> service_;
};

TEST_F(RealmJourney, ThePredictedMeasurementIsAffirmedAndNoOther) {
  Admin({"resource", "put", "default/key/1", "secret"});
  Write("guest.json", Ccctl({"measure", "--config", "config.toml", "--json"}));
  const json document = json::parse(*ReadFile(Path("guest.json")));
  const json& rims = document["reference_values"]["cca_realm_initial_measurement"];
  ASSERT_EQ(rims.size(), 3u);
  const std::string rpv = *jose::Base64Decode(
      document["reference_values"]["cca_realm_personalization_value"][0].get<std::string>());
  const std::string rim = *jose::Base64Decode(rims[0].get<std::string>());

  const auto before = Get(rim, rpv);
  ASSERT_FALSE(before.ok());
  EXPECT_THAT(before.status().ToString(), HasSubstr("realm initial measurement"));

  Admin({"endorse", "guest.json"});
  // Which platforms the owner trusts is another question.
  const cca::PlatformClaims platform = cca::SamplePlatform();
  Admin({"endorse", "cca_platform_implementation_id", jose::Base64Encode(platform.implementation_id)});
  for (const cca::SwComponent& component : platform.sw_components) {
    Admin({"endorse", "--add", "cca_platform_sw_component", jose::Base64Encode(component.measurement)});
  }
  for (const json& each : rims) {
    const auto secret = Get(*jose::Base64Decode(each.get<std::string>()), rpv);
    ASSERT_TRUE(secret.ok()) << secret.status();
    EXPECT_EQ(*secret, "the secret");
  }
  std::string other = rim;
  other[0] ^= 1;
  EXPECT_FALSE(Get(other, rpv).ok());
  EXPECT_FALSE(Get(rim, std::string(64, 'x')).ok());
}

}  // namespace
}  // namespace cc::ccctl
