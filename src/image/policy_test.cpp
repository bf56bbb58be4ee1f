// SPDX-License-Identifier: Apache-2.0
#include "image/policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "jose/base64.h"
#include "jose/key.h"

namespace cc::image {
namespace {

using ::testing::HasSubstr;

absl::Status Check(const ImagePolicy& policy, std::string_view image) {
  return policy.Judge(Reference::Parse(image).value()).status();
}

std::string TestKey() {
  static const std::string pem = jose::Key::Generate(jose::KeyType::kP256)->PublicPem();
  return pem;
}

absl::StatusOr<ImagePolicy> Parse(std::string_view text) {
  return ImagePolicy::Parse(text, [](const std::string& path) -> absl::StatusOr<std::string> {
    if (path == "/k") return TestKey();
    return absl::NotFoundError("no such key");
  });
}

// A policy with this one requirement, the type left out.
std::string Signed(const std::string& members) {
  return R"({"default": [{"type": "sigstoreSigned")" + members + "}]}";
}

TEST(ImagePolicyTest, WithoutAPolicyEverythingIsAccepted) { EXPECT_TRUE(Check({}, "busybox").ok()); }

TEST(ImagePolicyTest, TheMostSpecificScopeDecides) {
  const auto policy = Parse(R"({
    "default": [{"type": "reject"}],
    "transports": {"docker": {
      "quay.io": [{"type": "insecureAcceptAnything"}],
      "quay.io/team/secret": [{"type": "reject"}],
      "quay.io/team/secret:public": [{"type": "insecureAcceptAnything"}],
      "*.corp.example": [{"type": "insecureAcceptAnything"}],
      "signed.example": [{"type": "signedBy", "keyType": "GPGKeys", "keyPath": "/k"}]
    }}})");
  ASSERT_TRUE(policy.ok()) << policy.status();
  struct {
    const char* image;
    const char* complaint;  // empty: accepted
  } const cases[] = {
      {"quay.io/team/app:1", ""},
      {"quay.io/team/secret:1", "transports.docker.\"quay.io/team/secret\""},
      {"quay.io/team/secret:public", ""},
      {"quay.io.evil.example/team/app", "default"},
      {"a.corp.example/x", ""},
      {"corp.example/x", "default"},
      {"busybox", "default"},
      {"signed.example/x", "'signedBy'"},
  };
  for (const auto& test : cases) {
    const absl::Status status = Check(*policy, test.image);
    if (*test.complaint == '\0') {
      EXPECT_TRUE(status.ok()) << test.image << ": " << status;
    } else {
      EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied) << test.image;
      EXPECT_THAT(std::string(status.message()), HasSubstr(test.complaint)) << test.image;
    }
  }
}

TEST(ImagePolicyTest, ReadsKeysInEachWayTheyMayBeGiven) {
  const std::string base64 = jose::Base64Encode(TestKey());
  const std::string pem = nlohmann::json(TestKey()).dump();
  const struct {
    std::string members;
    size_t keys;
  } cases[] = {
      {R"(, "keyPath": "/k")", 1},
      {R"(, "keyPaths": ["/k", "/k"])", 2},
      {R"(, "keyData": ")" + base64 + "\"", 1},
      {R"(, "keyDatas": [")" + base64 + "\"]", 1},
      {R"(, "keyData": )" + pem, 1},
      {R"(, "keyPath": "/k", "signedIdentity": {"type": "matchExact"})", 1},
  };
  for (const auto& test : cases) {
    const auto policy = Parse(Signed(test.members));
    ASSERT_TRUE(policy.ok()) << policy.status();
    const auto signatures = policy->Judge(Reference::Parse("busybox").value());
    ASSERT_TRUE(signatures.ok()) << signatures.status();
    ASSERT_EQ(signatures->size(), 1u);
    EXPECT_EQ(signatures->front().keys.size(), test.keys) << test.members;
    EXPECT_EQ(signatures->front().scope, "default");
  }
}

TEST(ImagePolicyTest, AllRequirementsOfAScopeCount) {
  const auto policy = Parse(
      R"({"default": [{"type": "sigstoreSigned", "keyPath": "/k"}, {"type": "insecureAcceptAnything"},
                      {"type": "sigstoreSigned", "keyPath": "/k"}]})");
  ASSERT_TRUE(policy.ok()) << policy.status();
  EXPECT_EQ(policy->Judge(Reference::Parse("busybox").value())->size(), 2u);
}

// What would be weaker than what the policy says must not be taken for it.
TEST(ImagePolicyTest, RefusesSignaturesItCannotCheck) {
  const struct {
    std::string members;
    const char* complaint;
  } cases[] = {
      {"", "needs a keyPath or a keyData"},
      {R"(, "keyPath": "/other")", "keyPath /other: no such key"},
      {R"(, "keyPath": 1)", "no string"},
      {R"(, "keyPaths": "/k")", "is not a list"},
      {R"(, "keyData": "!")", "is not base64"},
      {R"(, "keyData": "bm9uc2Vuc2U=")", "no public key in PEM"},
      {R"(, "keyPath": "/k", "rekorPublicKeyPath": "/r")", "'rekorPublicKeyPath' of sigstoreSigned"},
      {R"(, "fulcio": {"caPath": "/c"})", "'fulcio' of sigstoreSigned"},
      {R"(, "keyPath": "/k", "signedIdentity": {"type": "remapIdentity"})", "remapIdentity"},
      {R"(, "keyPath": "/k", "signedIdentity": {"type": "exactReference"})", "dockerReference"},
      {R"(, "keyPath": "/k", "signedIdentity": {"type": "exactRepository", "dockerRepository": "A B"})",
       "dockerRepository"},
      {R"(, "keyPath": "/k", "signedIdentity": "matchExact")", "is not an object"},
  };
  for (const auto& test : cases) {
    const absl::Status status = Parse(Signed(test.members)).status();
    EXPECT_FALSE(status.ok()) << test.members;
    EXPECT_THAT(status.ToString(), HasSubstr(test.complaint));
    EXPECT_THAT(status.ToString(), HasSubstr("default"));
  }
}

TEST(ImagePolicyTest, RefusesWhatIsNoPolicy) {
  for (const char* text :
       {"", "[]", "{}", R"({"default": {}})", R"({"default": [{}]})", R"({"default": [{"type": "accept"}]})",
        R"({"default": []})", R"({"default": [{"type": "reject"}], "transports": {"docker": {"x": []}}})",
        R"({"default": [{"type": "reject"}], "transports": []})",
        R"({"default": [{"type": "reject"}], "transports": {"docker": {"x": 1}}})"}) {
    EXPECT_EQ(Parse(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

}  // namespace
}  // namespace cc::image
