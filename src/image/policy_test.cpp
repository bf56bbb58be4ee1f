// SPDX-License-Identifier: Apache-2.0
#include "image/policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cc::image {
namespace {

using ::testing::HasSubstr;

absl::Status Check(const ImagePolicy& policy, std::string_view image) {
  return policy.Check(Reference::Parse(image).value());
}

TEST(ImagePolicyTest, WithoutAPolicyEverythingIsAccepted) { EXPECT_TRUE(Check({}, "busybox").ok()); }

TEST(ImagePolicyTest, TheMostSpecificScopeDecides) {
  const auto policy = ImagePolicy::Parse(R"({
    "default": [{"type": "reject"}],
    "transports": {"docker": {
      "quay.io": [{"type": "insecureAcceptAnything"}],
      "quay.io/team/secret": [{"type": "reject"}],
      "quay.io/team/secret:public": [],
      "*.corp.example": [{"type": "insecureAcceptAnything"}],
      "signed.example": [{"type": "sigstoreSigned", "keyPath": "/k"}]
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
      {"signed.example/x", "sigstoreSigned"},
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

TEST(ImagePolicyTest, RefusesWhatIsNoPolicy) {
  for (const char* text :
       {"", "[]", "{}", R"({"default": {}})", R"({"default": [{}]})", R"({"default": [{"type": "accept"}]})",
        R"({"default": [], "transports": []})", R"({"default": [], "transports": {"docker": {"x": 1}}})"}) {
    EXPECT_EQ(ImagePolicy::Parse(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

}  // namespace
}  // namespace cc::image
