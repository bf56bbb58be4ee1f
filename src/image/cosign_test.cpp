// SPDX-License-Identifier: Apache-2.0
#include "image/cosign.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "image/test_cosign.h"

namespace cc::image {
namespace {

using testing::CosignPayload;
using ::testing::HasSubstr;
using testing::Sign;

constexpr char kName[] = "reg.example/app";

class CosignTest : public ::testing::Test {
 protected:
  absl::Status Check(const std::vector<CosignSignature>& signatures) const {
    return CheckSigned(requirement_, image_, {index_, manifest_}, signatures);
  }
  const jose::Key key_ = jose::Key::Generate(jose::KeyType::kP256).value();
  const jose::Key other_key_ = jose::Key::Generate(jose::KeyType::kP256).value();
  const Digest index_ = Digest::Of(HashAlgorithm::kSha256, "index");
  const Digest manifest_ = Digest::Of(HashAlgorithm::kSha256, "manifest");
  const Reference image_ = Reference::Parse("reg.example/app:1").value();
  SigstoreRequirement requirement_{.scope = "default", .keys = {key_}, .identity = {}};
};

TEST_F(CosignTest, ASignatureOverTheIndexOrTheManifestCounts) {
  EXPECT_TRUE(Check({Sign(key_, CosignPayload(kName, index_.ToString()))}).ok());
  EXPECT_TRUE(Check({Sign(key_, CosignPayload(kName, manifest_.ToString()))}).ok());
}

TEST_F(CosignTest, OneGoodSignatureIsEnough) {
  EXPECT_TRUE(Check({Sign(other_key_, CosignPayload(kName, index_.ToString())),
                     {"", ""},
                     Sign(key_, CosignPayload(kName, index_.ToString()))})
                  .ok());
}

TEST_F(CosignTest, OneOfSeveralKeysIsEnoughOfEachKind) {
  for (const jose::KeyType type : {jose::KeyType::kP384, jose::KeyType::kRsa, jose::KeyType::kEd25519}) {
    const jose::Key key = jose::Key::Generate(type, 2048).value();
    requirement_.keys = {other_key_, key};
    EXPECT_TRUE(Check({Sign(key, CosignPayload(kName, index_.ToString()))}).ok()) << jose::KeyTypeName(type);
  }
}

TEST_F(CosignTest, RefusesAndNamesTheReason) {
  const std::string good = CosignPayload(kName, index_.ToString());
  CosignSignature flipped = Sign(key_, good);
  flipped.signature.back() = static_cast<char>(flipped.signature.back() ^ 1);
  CosignSignature moved = Sign(key_, good);
  moved.payload = CosignPayload(kName, manifest_.ToString());
  const struct {
    std::vector<CosignSignature> signatures;
    std::string complaint;
  } cases[] = {
      {{}, "there is no signature at reg.example/app:" + index_.DirName() + ".sig or :"},
      {{Sign(other_key_, good)}, "not made with a key of the policy"},
      {{flipped}, "not made with a key of the policy"},
      {{moved}, "not made with a key of the policy"},
      {{{good, ""}}, "not made with a key of the policy"},
      {{Sign(key_, CosignPayload("reg.example/other", index_.ToString()))},
       "names the image 'reg.example/other'"},
      {{Sign(key_, CosignPayload(kName, "sha256:00"))}, "is over another image, sha256:00"},
      {{Sign(key_, CosignPayload(kName, index_.ToString(), "attestation"))}, "signs a 'attestation'"},
      {{Sign(key_, "{}")}, "member 'critical'"},
      {{Sign(key_, R"({"critical": {"identity": {}, "image": {}, "type": "x"}})")}, "docker-reference"},
      {{Sign(key_, "[")}, "signed payload"},
  };
  for (const auto& test : cases) {
    const absl::Status status = Check(test.signatures);
    EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
    EXPECT_THAT(status.ToString(), HasSubstr("image reg.example/app:1: the guest's image policy (default)"));
    EXPECT_THAT(status.ToString(), HasSubstr(test.complaint));
  }
}

}  // namespace
}  // namespace cc::image
