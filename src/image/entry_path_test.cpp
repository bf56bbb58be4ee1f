// SPDX-License-Identifier: Apache-2.0
#include "image/entry_path.h"

#include <gtest/gtest.h>

#include <string>

namespace cc::image {
namespace {

TEST(EntryPathTest, CleansHarmlessForms) {
  EXPECT_EQ(*CleanEntryPath("a/b"), "a/b");
  EXPECT_EQ(*CleanEntryPath("./a//b/./c/"), "a/b/c");
  EXPECT_EQ(*CleanEntryPath("./"), "");
  EXPECT_EQ(*CleanEntryPath("."), "");
  EXPECT_EQ(*CleanEntryPath("..."), "...");
  EXPECT_EQ(*CleanEntryPath("a..b/..c"), "a..b/..c");
  EXPECT_EQ(*CleanEntryPath("caf\xe9/\xff"), "caf\xe9/\xff");  // need not be UTF-8
}

TEST(EntryPathTest, RefusesToLeave) {
  for (const char* bad : {"..", "../a", "a/../b", "a/..", "./..", "/etc/passwd", "/", "//a"}) {
    EXPECT_EQ(CleanEntryPath(bad).status().code(), absl::StatusCode::kPermissionDenied) << bad;
  }
}

TEST(EntryPathTest, RefusesNamesThatNoFileSystemHolds) {
  EXPECT_FALSE(CleanEntryPath("").ok());
  EXPECT_TRUE(CleanEntryPath(std::string(255, 'a')).ok());
  EXPECT_FALSE(CleanEntryPath(std::string(256, 'a')).ok());
  std::string deep;
  for (int i = 0; i < 10000; ++i) deep += "d/";
  EXPECT_EQ(CleanEntryPath(deep).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(EntryPathTest, LinkTargetsMayStartAtTheRoot) {
  EXPECT_EQ(*CleanLinkTarget("/usr/bin/x"), "usr/bin/x");
  EXPECT_EQ(*CleanLinkTarget("usr/bin/x"), "usr/bin/x");
  EXPECT_FALSE(CleanLinkTarget("/../etc/passwd").ok());
  EXPECT_FALSE(CleanLinkTarget("/").ok());
  EXPECT_FALSE(CleanLinkTarget("").ok());
}

TEST(EntryPathTest, ReadsMarkers) {
  EXPECT_EQ(ParseMarker("file")->marker, Marker::kNone);
  EXPECT_EQ(ParseMarker(".wh")->marker, Marker::kNone);
  EXPECT_EQ(ParseMarker("x.wh.y")->marker, Marker::kNone);
  EXPECT_EQ(ParseMarker(".wh..wh..opq")->marker, Marker::kOpaque);
  EXPECT_EQ(ParseMarker(".wh..wh.plnk")->marker, Marker::kIgnored);
  const auto whiteout = ParseMarker(".wh.gone");
  EXPECT_EQ(whiteout->marker, Marker::kWhiteout);
  EXPECT_EQ(whiteout->hidden_name, "gone");
  EXPECT_EQ(ParseMarker(".wh...x")->hidden_name, "..x");
}

TEST(EntryPathTest, RefusesWhiteoutsOfNothingAndOfTheParent) {
  for (const char* bad : {".wh.", ".wh..", ".wh..."}) EXPECT_FALSE(ParseMarker(bad).ok()) << bad;
}

}  // namespace
}  // namespace cc::image
