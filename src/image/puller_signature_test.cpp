// SPDX-License-Identifier: Apache-2.0
// Images that must be signed, from a registry to a mounted bundle or to a refusal.
#include <gmock/gmock.h>

#include <atomic>

#include "image/test_cosign.h"
#include "image/test_puller.h"

namespace cc::image {
namespace {

using testing::CosignPayload;
using ::testing::HasSubstr;
using testing::Sign;

class PullerSignatureTest : public testing::PullerTest {
 protected:
  void SetUp() override {
    PullerTest::SetUp();
    if (IsSkipped()) return;
    Serve([this](const testing::TestRequest& request, testing::Connection& c) {
      if (request.target == "/v2/app/manifests/" + Tag() && !signature_manifest_.empty()) {
        return c.Reply(200, signature_manifest_, {{"Content-Type", testing::kOciManifest}});
      }
      ServeImage(image_, request, c);
    });
    PullerOptions options;
    options.store = Store();
    options.bundle_root = Bundles();
    options.http.plain_http_hosts = {server_->Host()};
    options.retry = {.max_attempts = 1};
    options.settings = [this]() -> absl::StatusOr<PullSettings> {
      auto policy = ImagePolicy::Parse(R"({"default": [{"type": "sigstoreSigned", "keyPath": "owner"}]})",
                                       [this](const std::string&) { return key_.PublicPem(); });
      if (!policy.ok()) return policy.status();
      return PullSettings{.policy = *std::move(policy)};
    };
    auto puller = Puller::Create(options);
    ASSERT_TRUE(puller.ok()) << puller.status();
    puller_ = std::move(puller).value();
  }
  std::string Tag() const { return CosignTag(Digest::Parse(image_.ManifestDigest()).value()); }
  std::string Payload(const std::string& name) const { return CosignPayload(name, image_.ManifestDigest()); }
  void Publish(const std::vector<CosignSignature>& signatures) {
    signature_manifest_ = testing::SignatureManifest(signatures, &image_.blobs);
  }

  const jose::Key key_ = jose::Key::Generate(jose::KeyType::kP256).value();
  testing::TestImage image_ = testing::MakeImage({testing::BaseLayer()});
  std::string signature_manifest_;  // empty: the image is not signed; set between pulls only
};

TEST_F(PullerSignatureTest, ASignedImageIsPulled) {
  Publish({Sign(key_, Payload(server_->Host() + "/app"))});
  const auto result = Pull("c1");
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_TRUE(testing::fs::exists(Rootfs("c1", "etc/passwd")));
}

TEST_F(PullerSignatureTest, AnImageWithoutAGoodSignatureIsRefusedBeforeItsLayersAreFetched) {
  const jose::Key stranger = jose::Key::Generate(jose::KeyType::kP256).value();
  const std::string payload = Payload(server_->Host() + "/app");
  const struct {
    std::vector<CosignSignature> signatures;
    const char* complaint;
  } cases[] = {{{}, "there is no signature at"},
               {{Sign(stranger, payload)}, "not made with a key of the policy"},
               {{Sign(key_, Payload("reg.example/other"))}, "names the image 'reg.example/other'"}};
  for (const auto& test : cases) {
    if (!test.signatures.empty()) Publish(test.signatures);
    const auto result = Pull("c1");
    EXPECT_EQ(result.status().code(), absl::StatusCode::kPermissionDenied);
    EXPECT_THAT(result.status().ToString(), HasSubstr(test.complaint));
  }
  EXPECT_EQ(Downloads(testing::BaseLayer().blob), 0u);
  ExpectNothingLeft("c1");
}

// Layers that are here already are no reason to trust the image again.
TEST_F(PullerSignatureTest, AnImagePulledBeforeIsCheckedAgain) {
  Publish({Sign(key_, Payload(server_->Host() + "/app"))});
  ASSERT_TRUE(Pull("c1").ok());
  signature_manifest_.clear();
  EXPECT_EQ(Pull("c2").status().code(), absl::StatusCode::kPermissionDenied);
}

TEST_F(PullerSignatureTest, ABlobThatIsNotWhatTheSignatureManifestSaysIsNoSignature) {
  const CosignSignature signature = Sign(key_, Payload(server_->Host() + "/app"));
  Publish({signature});
  image_.blobs[Digest::Of(HashAlgorithm::kSha256, signature.payload).ToString()] = "{}";
  const auto result = Pull("c1");
  EXPECT_FALSE(result.ok());
  EXPECT_THAT(result.status().ToString(), HasSubstr("signatures of " + image_.ManifestDigest()));
}

TEST_F(PullerSignatureTest, ARegistryThatDoesNotAnswerForTheSignatureIsNoSignature) {
  signature_manifest_ = "{";
  const auto result = Pull("c1");
  EXPECT_FALSE(result.ok());
  EXPECT_THAT(result.status().ToString(), HasSubstr("signatures of"));
}

}  // namespace
}  // namespace cc::image
