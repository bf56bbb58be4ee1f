// SPDX-License-Identifier: Apache-2.0
#include "image/tar_guard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "image/test_tar.h"

namespace cc::image {
namespace {

using ::testing::HasSubstr;
using testing::TarBuilder;

absl::Status Guard(const std::string& archive, size_t piece, const std::vector<uint64_t>& entries) {
  TarGuard guard;
  for (size_t at = 0; at < archive.size(); at += piece) {
    absl::Status status = guard.Feed(std::string_view(archive).substr(at, piece));
    if (!status.ok()) return status;
  }
  for (const uint64_t entry : entries) {
    absl::Status status = guard.ExpectEntry(entry);
    if (!status.ok()) return status;
  }
  return guard.ExpectEnd();
}

TEST(TarGuardTest, FindsTheEntriesOfAGoodArchive) {
  const std::string archive =
      TarBuilder()
          .Dir("d")
          .File("d/f", std::string(513, 'x'))
          .Add({.name = "p", .data = "abc", .pax = {{"mtime", "1.5"}, {"comment", ""}}})
          .Symlink("s", "t")
          .Finish();
  for (const size_t piece : {1, 511, 512, 513, 100000}) {
    const absl::Status status = Guard(archive, piece, {0, 512, 2048, 4096});
    EXPECT_TRUE(status.ok()) << status << " piece " << piece;
  }
}

TEST(TarGuardTest, NoticesAReaderThatSeesOtherEntries) {
  const std::string archive = TarBuilder().File("a", "1").File("b", "2").Finish();
  EXPECT_FALSE(Guard(archive, 512, {0}).ok());
  EXPECT_FALSE(Guard(archive, 512, {0, 512}).ok());
  EXPECT_FALSE(Guard(archive, 512, {0, 1024, 2048}).ok());
  EXPECT_TRUE(Guard(archive, 512, {0, 1024}).ok());
}

TEST(TarGuardTest, RefusesTwoSizes) {
  // A reader that believes the header finds an entry in the data of one that believes pax.
  const std::string hidden = TarBuilder().File("evil", "x").Unfinished();
  const auto with = [&](const std::string& pax, const std::string& header) {
    return TarBuilder()
        .Add({.name = "f", .data = hidden, .pax = {{"size", pax}}, .size_field = header})
        .Finish();
  };
  EXPECT_THAT(Guard(with("1024", "00000000000"), 512, {}).ToString(), HasSubstr("two sizes"));
  EXPECT_THAT(Guard(with("0", "00000002000"), 512, {}).ToString(), HasSubstr("two sizes"));
  EXPECT_TRUE(Guard(with("1024", "00000002000"), 512, {0}).ok());
  EXPECT_TRUE(Guard(with("", "00000002000"), 512, {0}).ok());
}

TEST(TarGuardTest, RefusesMalformedHeaders) {
  const auto refuses = [](const TarBuilder& builder, std::string_view why) {
    const absl::Status status = Guard(builder.Finish(), 512, {0});
    EXPECT_THAT(status.ToString(), HasSubstr(std::string(why)));
  };
  refuses(TarBuilder().Add({.name = "f", .size_field = "0000000x000"}), "no number");
  refuses(TarBuilder().Add({.name = "f", .size_field = "-0000000001"}), "no number");
  refuses(TarBuilder().Add({.name = "f", .size_field = std::string(12, '\xff')}), "no number");
  refuses(TarBuilder().Add({.name = "l", .type = '1', .link = "f", .size_field = "00000001000"}), "has data");
  refuses(TarBuilder().Add({.name = "d", .type = '5', .size_field = "00000001000"}), "has data");
  refuses(TarBuilder().Add({.name = "v", .type = 'V'}), "not known");
  refuses(TarBuilder().Add({.name = "m", .type = 'M'}), "not known");
  refuses(TarBuilder().AddPax({{"path", "x"}}), "belongs to no entry");
  refuses(TarBuilder().AddPax({{"size", "1"}, {"size", "2"}}).File("f", "1"), "twice");
  refuses(TarBuilder().AddPax({{"size", "1"}}, 'g').File("f", "1"), "global");
  refuses(TarBuilder().Add({.name = "f", .pax = {{"size", "0x10"}}}), "no number");
  refuses(TarBuilder().Add({.name = "p", .type = 'x', .size_field = "37777777777"}), "1 MiB");
  refuses(TarBuilder().Add({.name = "p", .type = 'L', .size_field = "37777777777"}), "1 MiB");
  for (const char* pax : {"7 a=b", "99 a=b\n", "x a=b\n", "6 a=b\n garbage", " a=b\n", "-6 a=b\n", "5 a=\n\n",
                          "6 =b\n\n", "6 ab\n\n", "4 a\n"}) {
    refuses(TarBuilder().AddRawPax(pax).File("f", "1"), "pax record");
  }
}

TEST(TarGuardTest, RefusesTruncationAndASingleZeroBlock) {
  const std::string archive = TarBuilder().File("a", std::string(1000, 'x')).Finish();
  EXPECT_FALSE(Guard(archive.substr(0, 700), 512, {0}).ok());
  EXPECT_FALSE(Guard(archive.substr(0, 100), 512, {}).ok());
  EXPECT_TRUE(Guard(archive.substr(0, 1536), 512, {0}).ok());  // no end marker: accepted by everybody
  const std::string gap = TarBuilder().File("a", "1").Raw(std::string(512, '\0')).File("b", "2").Finish();
  EXPECT_THAT(Guard(gap, 512, {0}).ToString(), HasSubstr("single zero block"));
}

TEST(TarGuardTest, DoesNotReadBeyondTheEnd) {
  EXPECT_TRUE(Guard(TarBuilder().File("a", "1").Finish() + std::string(5000, 'j'), 512, {0}).ok());
}

}  // namespace
}  // namespace cc::image
