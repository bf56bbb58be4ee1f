// SPDX-License-Identifier: Apache-2.0
#include "shim/flags.h"

#include <gtest/gtest.h>

#include <vector>

namespace cc::shim {
namespace {

absl::StatusOr<Flags> Parse(std::vector<const char*> args) { return ParseFlags(args); }

TEST(FlagsTest, ReadsWhatContainerdPasses) {
  absl::StatusOr<Flags> flags =
      Parse({"-namespace", "k8s.io", "-address", "/run/containerd/containerd.sock", "-publish-binary",
             "/usr/bin/containerd", "-id", "abc", "-debug", "start"});
  ASSERT_TRUE(flags.ok()) << flags.status();
  EXPECT_EQ(flags->namespace_name, "k8s.io");
  EXPECT_EQ(flags->address, "/run/containerd/containerd.sock");
  EXPECT_EQ(flags->publish_binary, "/usr/bin/containerd");
  EXPECT_EQ(flags->id, "abc");
  EXPECT_TRUE(flags->debug);
  EXPECT_EQ(flags->action, "start");
}

TEST(FlagsTest, AcceptsEveryGoSpelling) {
  absl::StatusOr<Flags> flags = Parse({"--id=x=y", "-bundle=", "-debug=false", "--", "delete"});
  ASSERT_TRUE(flags.ok()) << flags.status();
  EXPECT_EQ(flags->id, "x=y");
  EXPECT_EQ(flags->bundle, "");
  EXPECT_FALSE(flags->debug);
  EXPECT_EQ(flags->action, "delete");
}

TEST(FlagsTest, NoArgumentsIsNoAction) {
  absl::StatusOr<Flags> flags = Parse({});
  ASSERT_TRUE(flags.ok());
  EXPECT_EQ(flags->action, "");
}

TEST(FlagsTest, RefusesUnknownFlagsMissingValuesAndBadBooleans) {
  EXPECT_FALSE(Parse({"-nope", "start"}).ok());
  EXPECT_FALSE(Parse({"-id"}).ok());
  EXPECT_FALSE(Parse({"-debug=maybe", "start"}).ok());
}

}  // namespace
}  // namespace cc::shim
