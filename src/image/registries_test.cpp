// SPDX-License-Identifier: Apache-2.0
#include "image/registries.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cc::image {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::string> Places(const RegistryRules& rules, std::string_view image) {
  const auto places = rules.Places(image);
  EXPECT_TRUE(places.ok()) << places.status();
  std::vector<std::string> names;
  if (places.ok())
    for (const Reference& place : *places) names.push_back(place.ToString());
  return names;
}

TEST(RegistryRulesTest, WithoutRulesAnImageIsWhereItSays) {
  EXPECT_THAT(Places({}, "busybox"), ElementsAre("docker.io/library/busybox:latest"));
  EXPECT_THAT(Places({}, "quay.io/a/b:1"), ElementsAre("quay.io/a/b:1"));
}

TEST(RegistryRulesTest, ShortNamesAreLookedUpInTheSearchRegistries) {
  const RegistryRules rules{.unqualified_search_registries = {"reg.local:5000", "docker.io"}};
  EXPECT_THAT(Places(rules, "busybox:1"),
              ElementsAre("reg.local:5000/busybox:1", "docker.io/library/busybox:1"));
  EXPECT_THAT(Places(rules, "team/app"),
              ElementsAre("reg.local:5000/team/app:latest", "docker.io/team/app:latest"));
  EXPECT_THAT(Places(rules, "quay.io/a:1"), ElementsAre("quay.io/a:1"));
  EXPECT_THAT(Places(rules, "docker.io/library/a:1"), ElementsAre("docker.io/library/a:1"));
}

TEST(RegistryRulesTest, MirrorsComeFirstAndKeepTagAndDigest) {
  const std::string digest = "sha256:" + std::string(64, 'a');
  const RegistryRules rules{
      .registries = {{.prefix = "docker.io",
                      .mirrors = {{.location = "m1.local/hub", .insecure = true}, {.location = "m2:5000"}}},
                     {.prefix = "docker.io/team", .location = "moved.example/x"}}};
  EXPECT_THAT(Places(rules, "busybox@" + digest),
              ElementsAre("m1.local/hub/library/busybox@" + digest, "m2:5000/library/busybox@" + digest,
                          "docker.io/library/busybox@" + digest));
  EXPECT_THAT(Places(rules, "docker.io/team/app:2"), ElementsAre("moved.example/x/app:2"));
  EXPECT_THAT(rules.PlainHttpHosts(), ElementsAre("m1.local"));
}

TEST(RegistryRulesTest, PrefixesMatchWholeComponents) {
  const RegistryRules rules{.registries = {{.prefix = "example.com", .blocked = true},
                                           {.prefix = "*.corp.example", .location = "mirror.example"},
                                           {.prefix = "a.corp.example", .blocked = true}}};
  EXPECT_THAT(Places(rules, "notexample.com/a:1"), ElementsAre("notexample.com/a:1"));
  EXPECT_THAT(Places(rules, "other.io/example.com/a:1"), ElementsAre("other.io/example.com/a:1"));
  EXPECT_THAT(Places(rules, "b.corp.example/a:1"), ElementsAre("mirror.example/a:1"));
  EXPECT_THAT(Places(rules, "corp.example/a:1"), ElementsAre("corp.example/a:1"));
  EXPECT_EQ(rules.Places("a.corp.example/x").status().code(), absl::StatusCode::kPermissionDenied);
  const auto blocked = rules.Places("example.com/a:1");
  EXPECT_EQ(blocked.status().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(std::string(blocked.status().message()), HasSubstr("example.com"));
}

TEST(RegistryRulesTest, CheckRefusesRulesThatCannotBe) {
  EXPECT_TRUE((RegistryRules{.registries = {{.prefix = "*.a.b"}, {.location = "h:5000/x"}}}).Check().ok());
  for (const RegistryRules& bad : {
           RegistryRules{.registries = {{}}},
           RegistryRules{.registries = {{.prefix = "a b"}}},
           RegistryRules{.registries = {{.prefix = "a.b", .location = "*.c"}}},
           RegistryRules{.registries = {{.prefix = "a.b", .mirrors = {{}}}}},
           RegistryRules{.registries = {{.prefix = "a.b", .location = "mirror"}}},
           RegistryRules{.unqualified_search_registries = {"a.b/c"}},
           RegistryRules{.unqualified_search_registries = {""}},
       }) {
    EXPECT_EQ(bad.Check().code(), absl::StatusCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace cc::image
