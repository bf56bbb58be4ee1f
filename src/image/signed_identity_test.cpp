// SPDX-License-Identifier: Apache-2.0
#include "image/signed_identity.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

namespace cc::image {
namespace {

constexpr char kDigest[] = "@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

TEST(SignedIdentityTest, AcceptsTheNamesThatEachTypeAllows) {
  const std::string by_digest = std::string("reg.example/app") + kDigest;
  const struct {
    const char* identity;  // empty: what holds without one
    std::string image;
    const char* signed_name;
    bool accepted;
  } cases[] = {
      {"", "reg.example/app:1", "reg.example/app", true},
      {"", "reg.example/app:1", "reg.example/app:2", true},
      {"", "reg.example/app:1", "reg.example/other", false},
      {"", "reg.example/app:1", "reg.example/app/sub", false},
      {"", "busybox", "index.docker.io/library/busybox", true},
      {"", "reg.example/app:1", "", false},
      {"", "reg.example/app:1", "not a name", false},
      {R"({"type": "matchRepository"})", "reg.example/app:1", "reg.example/app", true},
      {R"({"type": "matchExact"})", "reg.example/app:1", "reg.example/app:1", true},
      {R"({"type": "matchExact"})", "reg.example/app:1", "reg.example/app:2", false},
      {R"({"type": "matchExact"})", "reg.example/app:1", "reg.example/app", false},
      {R"({"type": "matchExact"})", "reg.example/app:latest", "reg.example/app", false},
      {R"({"type": "matchExact"})", "reg.example/app", "reg.example/app:latest", true},
      {R"({"type": "matchExact"})", by_digest, "reg.example/app:1", false},
      {R"({"type": "matchRepoDigestOrExact"})", "reg.example/app:1", "reg.example/app:1", true},
      {R"({"type": "matchRepoDigestOrExact"})", "reg.example/app:1", "reg.example/app", false},
      {R"({"type": "matchRepoDigestOrExact"})", by_digest, "reg.example/app", true},
      {R"({"type": "matchRepoDigestOrExact"})", by_digest, "reg.example/other", false},
      {R"({"type": "exactReference", "dockerReference": "up.example/x:1"})", "mirror/x:1", "up.example/x:1",
       true},
      {R"({"type": "exactReference", "dockerReference": "up.example/x:1"})", "mirror/x:1", "up.example/x:2",
       false},
      {R"({"type": "exactRepository", "dockerRepository": "up.example/x"})", "mirror/x:1", "up.example/x:2",
       true},
      {R"({"type": "exactRepository", "dockerRepository": "up.example/x"})", "up.example/y:1",
       "up.example/y:1", false},
  };
  for (const auto& test : cases) {
    SignedIdentity identity;
    if (*test.identity != '\0') {
      const auto parsed = SignedIdentity::Parse(nlohmann::json::parse(test.identity), "here");
      ASSERT_TRUE(parsed.ok()) << parsed.status();
      identity = *parsed;
    }
    EXPECT_EQ(identity.Accepts(Reference::Parse(test.image).value(), test.signed_name), test.accepted)
        << test.identity << " " << test.image << " " << test.signed_name;
  }
}

}  // namespace
}  // namespace cc::image
