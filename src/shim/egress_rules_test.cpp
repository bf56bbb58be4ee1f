// SPDX-License-Identifier: Apache-2.0
#include "shim/egress_rules.h"

#include <gtest/gtest.h>

namespace cc::shim {
namespace {

TEST(HostPortTest, ParsesHostsPortsAndSchemes) {
  struct Case {
    const char* text;
    const char* host;
    uint16_t port;
  };
  for (const Case& c : std::initializer_list<Case>{{"Quay.IO", "quay.io", 443},
                                                   {"r:5000", "r", 5000},
                                                   {"https://r/v2/", "r", 443},
                                                   {"http://r", "r", 80},
                                                   {"http://r:8080/x", "r", 8080},
                                                   {"[::1]:5000", "::1", 5000},
                                                   {"*.pkg.dev", "*.pkg.dev", 443}}) {
    absl::StatusOr<HostPort> got = ParseHostPort(c.text);
    ASSERT_TRUE(got.ok()) << c.text << got.status();
    EXPECT_EQ(got->host, c.host) << c.text;
    EXPECT_EQ(got->port, c.port) << c.text;
  }
}

TEST(HostPortTest, RefusesWhatIsNoHost) {
  for (const char* text :
       {"", ":80", "r:", "r:0", "r:65536", "r:x", "a b", "[::1", "[::1]x", "a\nb", "*", "*."}) {
    EXPECT_FALSE(ParseHostPort(text).ok()) << text;
  }
}

TEST(RegistryOfTest, FollowsTheRulesOfReferences) {
  EXPECT_EQ(RegistryOf("busybox"), "docker.io");
  EXPECT_EQ(RegistryOf("library/busybox:1"), "docker.io");
  EXPECT_EQ(RegistryOf("index.docker.io/library/busybox"), "docker.io");
  EXPECT_EQ(RegistryOf("localhost/x"), "localhost");
  EXPECT_EQ(RegistryOf("reg:5000/x@sha256:abc"), "reg:5000");
  EXPECT_EQ(RegistryOf("GHCR.io/a/b"), "ghcr.io");
}

TEST(EgressRulesTest, AllowsTheImagesRegistryAndItsHelpersOnly) {
  EgressRules rules;
  ASSERT_TRUE(rules.AllowImage("busybox:latest").ok());
  EXPECT_TRUE(rules.Allows("registry-1.docker.io", 443));
  EXPECT_TRUE(rules.Allows("AUTH.docker.io.", 443));
  EXPECT_FALSE(rules.Allows("registry-1.docker.io", 80));
  EXPECT_FALSE(rules.Allows("quay.io", 443));
  EXPECT_FALSE(rules.Allows("evil-docker.io", 443));
  EXPECT_FALSE(rules.Allows("127.0.0.1", 22));
}

TEST(EgressRulesTest, PlainHttpRegistriesAreOnPort80UnlessTheySayOtherwise) {
  EgressRules rules;
  rules.SetPlainHttp({"plain.example", "10.0.0.1:5000"});
  ASSERT_TRUE(rules.AllowImage("plain.example/a").ok());
  ASSERT_TRUE(rules.AllowImage("10.0.0.1:5000/a").ok());
  EXPECT_TRUE(rules.Allows("plain.example", 80));
  EXPECT_FALSE(rules.Allows("plain.example", 443));
  EXPECT_TRUE(rules.Allows("10.0.0.1", 5000));
}

TEST(EgressRulesTest, WildcardsMatchWholeLabelsOnly) {
  EgressRules rules;
  ASSERT_TRUE(rules.Allow({"*.example.com", "docker.io=mirror.local:8443"}).ok());
  EXPECT_TRUE(rules.Allows("a.example.com", 443));
  EXPECT_TRUE(rules.Allows("b.a.example.com", 443));
  EXPECT_FALSE(rules.Allows("example.com", 443));
  EXPECT_FALSE(rules.Allows("badexample.com", 443));
  EXPECT_FALSE(rules.Allows(".example.com", 443));
  EXPECT_TRUE(rules.Allows("mirror.local", 8443));
}

TEST(EgressRulesTest, BadConfigurationIsRefused) {
  EgressRules rules;
  EXPECT_EQ(rules.Allow({"not a host"}).code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace cc::shim
