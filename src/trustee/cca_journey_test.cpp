// SPDX-License-Identifier: Apache-2.0
// A CCA guest against the service: tokens are minted with test keys, everything else is the real thing.
#include <gmock/gmock.h>

#include "base/status.h"
#include "cca/rpv.h"
#include "cca/token_samples.h"
#include "jose/jws.h"
#include "trustee/test_service.h"

namespace cc::trustee {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class MintingAttester final : public attest::Attester {
 public:
  std::string_view tee() const override { return "cca"; }
  absl::StatusOr<std::string> GetEvidence(std::string_view report_data) override {
    cca::RealmClaims claims = realm;
    claims.challenge = std::string(report_data);
    claims.challenge.resize(64, '\0');
    CC_ASSIGN_OR_RETURN(const std::string token, cca::MintToken(cca::TokenForm::kCollection, platform, claims,
                                                                *cpak, cca::SampleRak()));
    nlohmann::json bytes = nlohmann::json::array();
    for (const char c : token) bytes.push_back(static_cast<unsigned char>(c));
    return nlohmann::json{{"token", bytes}}.dump();
  }
  cca::PlatformClaims platform = cca::SamplePlatform();
  cca::RealmClaims realm = cca::SampleRealm();
  const jose::Key* cpak = &cca::SampleCpak();
};

class CcaJourneyTest : public ServiceTest {
 protected:
  CcaJourneyTest() {
    const cca::PlatformClaims platform = cca::SamplePlatform();
    const json store = {{{"pkey", cca::SampleCpak().PublicJwk()},
                         {"implementation-id", jose::ToHex(platform.implementation_id)},
                         {"instance-id", jose::ToHex(platform.instance_id)}}};
    config_.verifier.insecure_sample = false;
    config_.verifier.cca_trust_anchors = dir_.path() + "/ta-store.json";
    EXPECT_TRUE(WriteFileAtomic(config_.verifier.cca_trust_anchors, store.dump()).ok());
    Start();
    PutResource("default/key/1", "the secret");
  }
  void EndorseAll() {
    json components = json::array();
    for (const auto& component : attester_->platform.sw_components) {
      components.push_back(jose::Base64Encode(component.measurement));
    }
    Endorse({{"cca_realm_initial_measurement", {jose::Base64Encode(attester_->realm.rim)}},
             {"cca_realm_personalization_value", {jose::Base64Encode(attester_->realm.rpv)}},
             {"cca_platform_implementation_id", {jose::Base64Encode(attester_->platform.implementation_id)}},
             {"cca_platform_sw_component", components}});
  }
  absl::StatusOr<SecretBytes> Get(attest::KbsOptions options = {}) {
    return Guest(std::move(options), attester_)->Get(*attest::ResourceUri::Parse("kbs:///default/key/1"));
  }
  std::string Refusal(attest::KbsOptions options = {}) {
    const auto secret = Get(std::move(options));
    EXPECT_FALSE(secret.ok());
    return std::string(secret.status().message());
  }
  std::shared_ptr<MintingAttester> attester_ = std::make_shared<MintingAttester>();
};

TEST_F(CcaJourneyTest, NothingIsAffirmedWithoutReferenceValues) {
  EXPECT_THAT(Refusal(),
              AllOf(HasSubstr("attestation:"), HasSubstr("realm initial measurement"),
                    HasSubstr(jose::Base64Encode(attester_->realm.rim)), HasSubstr("is not endorsed")));
}

TEST_F(CcaJourneyTest, AnEndorsedRealmOnAnEndorsedPlatformGetsTheKey) {
  EndorseAll();
  const auto secret = Get();
  ASSERT_TRUE(secret.ok()) << secret.status();
  EXPECT_EQ(secret->view(), "the secret");
  const auto token = Guest({}, attester_)->GetToken();
  const json claims = json::parse(jose::PeekCompact(token->token)->payload);
  const json& evidence = claims["submods"]["cpu0"]["ear.veraison.annotated-evidence"];
  EXPECT_EQ(claims["submods"]["cpu0"]["ear.status"], "affirming");
  EXPECT_EQ(evidence["cca"]["realm"]["cca-realm-initial-measurement"],
            jose::Base64Encode(attester_->realm.rim));
  EXPECT_EQ(evidence["cca"]["platform"]["cca-platform-lifecycle-state"], "secured");
  EXPECT_EQ(evidence["init_data"], jose::ToHex(attester_->realm.rpv));
  EXPECT_TRUE(evidence["runtime_data_claims"].contains("tee-pubkey"));
}

TEST_F(CcaJourneyTest, EveryOtherMeasurementIsDeniedAndNamed) {
  EndorseAll();
  const MintingAttester good = *attester_;
  attester_->realm.rim = std::string(64, 'R');
  EXPECT_THAT(Refusal(), HasSubstr("realm initial measurement"));
  attester_->realm = good.realm;
  attester_->realm.rpv = std::string(64, 'P');
  EXPECT_THAT(Refusal(), HasSubstr("initdata digest"));
  attester_->realm = good.realm;
  attester_->platform.sw_components[1].measurement = std::string(48, 'M');
  EXPECT_THAT(Refusal(), HasSubstr("platform firmware"));
}

TEST_F(CcaJourneyTest, EvidenceThatIsNotGenuineGetsNoToken) {
  EndorseAll();
  const jose::Key stranger = *jose::Key::Generate(jose::KeyType::kP384);
  attester_->cpak = &stranger;
  EXPECT_THAT(Refusal(), HasSubstr("platform-signature"));
  attester_->cpak = &cca::SampleCpak();
  attester_->platform.lifecycle = 0x4000;
  EXPECT_THAT(Refusal(), HasSubstr("lifecycle"));
  attester_->platform = cca::SamplePlatform();
  attester_->platform.instance_id = "\x01" + std::string(32, 'N');
  EXPECT_THAT(Refusal(), HasSubstr("trust-anchor"));
}

TEST_F(CcaJourneyTest, InitdataOfEachHashIsComparedWithZeroPadding) {
  for (const char* algorithm : {"sha256", "sha384", "sha512"}) {
    const std::string init_data =
        StrCat("version = \"0.1.0\"\nalgorithm = \"", algorithm, "\"\n[data]\nnote = \"x\"\n");
    const std::string digest = jose::Digest(*jose::ParseHash(algorithm), init_data);
    const auto rpv = *cca::RpvOf(digest);
    attester_->realm.rpv = std::string(rpv.begin(), rpv.end());
    EndorseAll();
    attest::KbsOptions options;
    options.init_data = init_data;
    EXPECT_TRUE(Get(options).ok()) << algorithm;
    options.init_data = init_data + "# changed\n";
    EXPECT_THAT(Refusal(options), HasSubstr("'initdata'")) << algorithm;
  }
}

TEST_F(CcaJourneyTest, SampleEvidenceIsNotServedUnlessConfigured) {
  const auto secret = Guest()->Get(*attest::ResourceUri::Parse("kbs:///default/key/1"));
  ASSERT_FALSE(secret.ok());
  EXPECT_THAT(std::string(secret.status().message()), HasSubstr("insecure_sample"));
}

TEST_F(CcaJourneyTest, MalformedEvidenceIsRefused) {
  for (const json& evidence :
       {json(), json::array(), json::object(), json{{"token", 1}}, json{{"token", {256}}},
        json{{"token", {-1}}}, json{{"token", "!"}}, json{{"token", json::array()}},
        json{{"token", std::vector<int>(100000, 0)}}, json{{"token", {0xd9, 0x01, 0x8f}}}}) {
    const Session session = Auth("cca");
    json message = Attestation(session.nonce, jwk_);
    message["tee-evidence"]["primary_evidence"] = evidence;
    const Response response = Attest(session, message);
    EXPECT_EQ(response.status, 403) << response.body;
  }
}

}  // namespace
}  // namespace cc::trustee
