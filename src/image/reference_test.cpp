// SPDX-License-Identifier: Apache-2.0
#include "image/reference.h"

#include <gtest/gtest.h>

#include <string>

namespace cc::image {
namespace {

const std::string kDigest = "sha256:" + std::string(64, 'a');

struct Good {
  std::string text, normalised;
};

class ReferenceGoodTest : public testing::TestWithParam<Good> {};

TEST_P(ReferenceGoodTest, Normalises) {
  absl::StatusOr<Reference> reference = Reference::Parse(GetParam().text);
  ASSERT_TRUE(reference.ok()) << reference.status();
  EXPECT_EQ(reference->ToString(), GetParam().normalised);
  // What it prints is a fixed point.
  EXPECT_EQ(Reference::Parse(reference->ToString())->ToString(), GetParam().normalised);
}

INSTANTIATE_TEST_SUITE_P(Table, ReferenceGoodTest,
                         testing::Values(Good{"busybox", "docker.io/library/busybox:latest"},
                                         Good{"docker://busybox:1.36", "docker.io/library/busybox:1.36"},
                                         Good{"user/app", "docker.io/user/app:latest"},
                                         Good{"index.docker.io/app", "docker.io/library/app:latest"},
                                         Good{"docker.io/app@" + kDigest, "docker.io/library/app@" + kDigest},
                                         Good{"app:v1@" + kDigest, "docker.io/library/app:v1@" + kDigest},
                                         Good{"localhost/app", "localhost/app:latest"},
                                         Good{"localhost:5000/a/b/c:V_1.0-x", "localhost:5000/a/b/c:V_1.0-x"},
                                         Good{"127.0.0.1:5000/app", "127.0.0.1:5000/app:latest"},
                                         Good{"[::1]:5000/app:t", "[::1]:5000/app:t"},
                                         Good{"[2001:db8::7]/x/y", "[2001:db8::7]/x/y:latest"},
                                         Good{"Registry.Example/app", "registry.example/app:latest"},
                                         Good{"ghcr.io/a-b/c__d/e.f/g--h",
                                              "ghcr.io/a-b/c__d/e.f/g--h:latest"}));

class ReferenceBadTest : public testing::TestWithParam<std::string> {};

TEST_P(ReferenceBadTest, IsRefused) {
  absl::StatusOr<Reference> reference = Reference::Parse(GetParam());
  ASSERT_FALSE(reference.ok()) << reference->ToString();
  EXPECT_EQ(reference.status().code(), absl::StatusCode::kInvalidArgument);
}

INSTANTIATE_TEST_SUITE_P(Table, ReferenceBadTest,
                         testing::Values("", "docker://", "https://example.com/app", "App", "Name/app",
                                         "a//b", "/app", "app/", "app:", "app:-x", "app@", "app@sha256:123",
                                         "app@md5:" + std::string(64, 'a'), "a b", "a..b", "a___b", "-a",
                                         "a-", "../etc/passwd", "example.com/../x", "example.com/a/../b",
                                         "host:0/app", "host:99999/app", "host:5000x/app", "[::1/app",
                                         "[zz]:1/app", "ex_ample.com/app", "example.com/", "app:tag:tag",
                                         "app\n", std::string("app\0x", 5), std::string(2000, 'a'),
                                         "example.com/" + std::string(300, 'a'),
                                         "app:" + std::string(129, 'a'), "a?x=1", "a#b", "user:pw@host/app"));

TEST(ReferenceTest, SelectsDigestBeforeTag) {
  EXPECT_EQ(Reference::Parse("app:v1@" + kDigest)->Selector(), kDigest);
  EXPECT_EQ(Reference::Parse("app:v1")->Selector(), "v1");
}

TEST(ReferenceTest, DockerHubHasItsOwnApiHost) {
  EXPECT_EQ(Reference::Parse("app")->ApiHost(), "registry-1.docker.io");
  EXPECT_EQ(Reference::Parse("localhost:5000/app")->ApiHost(), "localhost:5000");
}

}  // namespace
}  // namespace cc::image
