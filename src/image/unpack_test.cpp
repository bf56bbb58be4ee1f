// SPDX-License-Identifier: Apache-2.0
#include "image/unpack.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/process.h"
#include "image/test_unpack.h"

namespace cc::image {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::TarBuilder;
using testing::UnpackTest;

TEST_F(UnpackTest, WritesEveryKindOfEntry) {
  const auto result =
      Unpack(TarBuilder()
                 .Dir("./")
                 .Dir("d", 01777)
                 .Add({.name = "d/f", .data = std::string(10000, 'x'), .mode = 04755, .uid = 12, .gid = 34})
                 .Symlink("d/s", "../../anywhere/at/all")
                 .Hardlink("h", "d/f")
                 .Hardlink("hs", "d/s")
                 .Add({.name = "p", .type = '6', .mode = 0600, .uid = 5})
                 .File("empty", ""));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->entries, 8u);
  EXPECT_THAT(result->implied_directories, IsEmpty());
  const struct stat file = Stat("d/f");
  EXPECT_EQ(file.st_mode & 07777u, 04755u);
  EXPECT_EQ(file.st_uid, 12u);
  EXPECT_EQ(file.st_gid, 34u);
  EXPECT_EQ(file.st_size, 10000);
  EXPECT_EQ(file.st_mtime, 1700000000);
  EXPECT_EQ(Stat("h").st_ino, file.st_ino);
  EXPECT_EQ(Stat("hs").st_ino, Stat("d/s").st_ino);
  EXPECT_EQ(Stat("d").st_mode & 07777u, 01777u);
  EXPECT_EQ(Stat("d").st_mtime, 1700000000);  // although written into afterwards
  EXPECT_EQ(fs::read_symlink(In("d/s")), "../../anywhere/at/all");
  EXPECT_EQ(Stat("d/s").st_mtime, 1700000000);
  EXPECT_TRUE(S_ISFIFO(Stat("p").st_mode));
  EXPECT_EQ(Stat("p").st_mode & 07777u, 0600u);
  EXPECT_EQ(Stat("p").st_uid, 5u);
}

TEST_F(UnpackTest, ReadsAnyBlockSize) {
  TarBuilder builder;
  for (int i = 0; i < 20; ++i)
    builder.File("f" + std::to_string(i), std::string(static_cast<size_t>(i) * 997, 'a'));
  for (const size_t block : {1, 512, 100000}) {
    const auto result = Unpack(builder.Finish(), UINT64_MAX, block);
    ASSERT_TRUE(result.ok()) << result.status() << " block " << block;
    EXPECT_EQ(Stat("f19").st_size, 19 * 997);
  }
}

TEST_F(UnpackTest, AcceptsEmptyLayers) {
  EXPECT_TRUE(Unpack(TarBuilder()).ok());
  EXPECT_TRUE(Unpack(std::string()).ok());
}

TEST_F(UnpackTest, NamesDirectoriesThatTheArchiveOnlyImplies) {
  const auto result = Unpack(TarBuilder().File("a/b/c/f", "1").Dir("a/b").File("x/f", "2"));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(result->implied_directories, ElementsAre("a", "a/b/c", "x"));
}

TEST_F(UnpackTest, LaterEntriesReplaceEarlierOnes) {
  const auto result = Unpack(TarBuilder()
                                 .File("a", "first")
                                 .File("a", "second")
                                 .Dir("d")
                                 .File("d/x", "x")
                                 .File("d", "now a file")
                                 .File("e", "file")
                                 .Dir("e")
                                 .File("e/y", "y")
                                 .Symlink("l", "/outside")
                                 .Dir("l")
                                 .File("l/in", "inside")
                                 .Dir("m", 0700)
                                 .File("m/keep", "k")
                                 .Dir("m", 0711));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(ReadFile(In("a")).value(), "second");
  EXPECT_EQ(ReadFile(In("d")).value(), "now a file");
  EXPECT_EQ(ReadFile(In("e/y")).value(), "y");
  EXPECT_EQ(ReadFile(In("l/in")).value(), "inside");
  EXPECT_EQ(ReadFile(In("m/keep")).value(), "k");
  EXPECT_EQ(Stat("m").st_mode & 07777u, 0711u);
}

TEST_F(UnpackTest, WritesWhiteouts) {
  const auto result = Unpack(TarBuilder()
                                 .File("d/.wh.gone", "")
                                 .File(".wh.top", "")
                                 .File("o/.wh..wh..opq", "")
                                 .File("o/new", "1")
                                 .File(".wh..wh.plnk/1.2", "")
                                 .File(".wh..wh.aufs", ""));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_TRUE(IsWhiteout("d/gone"));
  EXPECT_TRUE(IsWhiteout("top"));
  EXPECT_TRUE(IsOpaque("o"));
  EXPECT_EQ(ReadFile(In("o/new")).value(), "1");
  EXPECT_FALSE(fs::exists(In(".wh..wh.aufs")));
}

TEST_F(UnpackTest, OpaqueMarkMayComeAfterTheContentAndAtTheRoot) {
  ASSERT_TRUE(
      Unpack(TarBuilder().Dir("o").File("o/new", "1").File("o/.wh..wh..opq", "").File(".wh..wh..opq", ""))
          .ok());
  EXPECT_TRUE(IsOpaque("o"));
  EXPECT_TRUE(IsOpaque(""));
  EXPECT_EQ(ReadFile(In("o/new")).value(), "1");
}

TEST_F(UnpackTest, WhiteoutOfSomethingTheLayerBringsItself) {
  // Whiteouts are about lower layers: a file stays, a directory stays and hides the lower one.
  ASSERT_TRUE(Unpack(TarBuilder()
                         .File("f", "mine")
                         .File(".wh.f", "")
                         .File("d/x", "mine")
                         .File(".wh.d", "")
                         .File(".wh.e", "")
                         .Dir("e")
                         .File(".wh.g", "")
                         .File("g/x", "mine")
                         .File(".wh.h", "")
                         .File("h", "mine"))
                  .ok());
  EXPECT_EQ(ReadFile(In("f")).value(), "mine");
  EXPECT_EQ(ReadFile(In("d/x")).value(), "mine");
  EXPECT_TRUE(IsOpaque("d"));
  EXPECT_TRUE(IsOpaque("e"));
  EXPECT_TRUE(IsOpaque("g"));
  EXPECT_EQ(ReadFile(In("h")).value(), "mine");
}

TEST_F(UnpackTest, AcceptsOverlaysOwnWhiteoutForm) {
  ASSERT_TRUE(Unpack(TarBuilder().Add({.name = "w", .type = '3'})).ok());
  EXPECT_TRUE(IsWhiteout("w"));
}

TEST_F(UnpackTest, FollowsLinksThatStayInside) {
  ASSERT_TRUE(
      Unpack(TarBuilder().Dir("usr").Dir("usr/lib").Symlink("lib", "usr/lib").File("lib/x", "1")).ok());
  EXPECT_EQ(ReadFile(In("usr/lib/x")).value(), "1");
}

TEST_F(UnpackTest, KeepsLongAndForeignNames) {
  const std::string longest(255, 'n');
  const std::string path = "dir/" + std::string(120, 'a') + "/" + std::string(130, 'b') + "/" + longest;
  const std::string latin1 = "caf\xe9", utf8 = "\xc3\xa9\xe2\x82\xac";
  ASSERT_TRUE(Unpack(TarBuilder()
                         .File(path, "long")
                         .File(latin1, "1")
                         .Add({.name = "x", .data = "2", .pax = {{"path", utf8}}})
                         .Add({.name = "y", .data = "3", .pax = {{"path", "raw\xff"}}})
                         .Symlink("s", std::string(4000, 't')))
                  .ok());
  EXPECT_EQ(ReadFile(In(path)).value(), "long");
  EXPECT_EQ(ReadFile(In(latin1)).value(), "1");
  EXPECT_EQ(ReadFile(In(utf8)).value(), "2");
  EXPECT_EQ(ReadFile(In("raw\xff")).value(), "3");
  EXPECT_EQ(fs::read_symlink(In("s")).string().size(), 4000u);
}

TEST_F(UnpackTest, ReadsGnuLongNamesAndBase256Sizes) {
  const std::string name(200, 'g');
  TarBuilder builder;
  builder.Add({.name = "././@LongLink", .type = 'L', .data = name + std::string(1, '\0')});
  builder.File("short", "1");
  builder.Add({.name = "b", .data = "12345", .size_field = std::string("\x80\0\0\0\0\0\0\0\0\0\0\x05", 12)});
  ASSERT_TRUE(Unpack(builder).ok());
  EXPECT_EQ(ReadFile(In(name)).value(), "1");
  EXPECT_EQ(ReadFile(In("b")).value(), "12345");
}

TEST_F(UnpackTest, ReadsWhatGnuTarWritesInEveryFormat) {
  // A tree with a long name, a sparse file, links and odd modes.
  const std::string source = dir_.path() + "/outside/source", archive = dir_.path() + "/outside/archive";
  const std::string long_directory = source + "/" + std::string(90, 'd') + "/" + std::string(60, 'e');
  fs::create_directories(long_directory);
  ASSERT_TRUE(WriteFileAtomic(source + "/plain", std::string(100000, 'p'), 0640).ok());
  ASSERT_TRUE(WriteFileAtomic(long_directory + "/long", "l").ok());
  fs::create_hard_link(source + "/plain", source + "/qhard");
  fs::create_symlink("plain", source + "/soft");
  for (const int holes :
       {1, 40}) {  // GNU's header has room for 4 pieces, further ones are in extension headers
    const UniqueFd sparse = OpenFile(source + "/sparse" + std::to_string(holes), O_WRONLY | O_CREAT).value();
    for (int i = 0; i < holes; ++i) ASSERT_EQ(::pwrite(sparse.get(), "data", 4, i * 200000), 4);
    ASSERT_EQ(::ftruncate(sparse.get(), holes * 200000), 0);
  }
  for (const char* format : {"gnu", "oldgnu", "pax", "ustar"}) {
    for (const char* sparse : {"--sparse-version=0.0", "--sparse-version=0.1", "--sparse-version=1.0", ""}) {
      SpawnOptions tar{.argv = {"tar", std::string("--format=") + format, "-C", source, "-cf", archive}};
      const bool sparse_kind = std::string(format) == "pax" || std::string(format) == "gnu";
      if (*sparse != '\0' && !sparse_kind) continue;
      if (*sparse != '\0') tar.argv.insert(tar.argv.end(), {"-S", sparse});
      tar.argv.push_back(".");
      const auto made = cc::Run(tar);
      ASSERT_TRUE(made.ok() && made->exit.Status() == 0) << made->err;
      const auto result = Unpack(ReadFile(archive, 64 << 20).value());
      ASSERT_TRUE(result.ok()) << format << " " << sparse << ": " << result.status();
      // GNU tar's own comparison of content, owner, mode and times.
      const auto compared = cc::Run({.argv = {"tar", "-C", Root(), "-df", archive}});
      ASSERT_TRUE(compared.ok());
      EXPECT_EQ(compared->exit.Status(), 0)
          << format << " " << sparse << ": " << compared->out << compared->err;
      for (const auto& entry : fs::directory_iterator(Root())) fs::remove_all(entry);
    }
  }
}

TEST_F(UnpackTest, SetsUserAttributesAndCapabilities) {
  // VFS_CAP_REVISION_2 with cap_net_bind_service, effective.
  const std::string capability(
      "\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", 20);
  const auto result =
      Unpack(TarBuilder().Add({.name = "f",
                               .data = "1",
                               .mode = 0755,
                               .pax = {{"SCHILY.xattr.security.capability", capability},
                                       {"SCHILY.xattr.user.note", "hello"},
                                       {"SCHILY.xattr.security.selinux", "system_u:object_r:x"},
                                       {"SCHILY.xattr.trusted.other", "x"}}}));
  ASSERT_TRUE(result.ok()) << result.status();
  char value[64];
  EXPECT_EQ(::getxattr(In("f").c_str(), "security.capability", value, sizeof(value)), 20);
  if (const ssize_t n = ::getxattr(In("f").c_str(), "user.note", value, sizeof(value)); n >= 0) {
    EXPECT_EQ(std::string(value, static_cast<size_t>(n)), "hello");
  }
  EXPECT_LT(::getxattr(In("f").c_str(), "trusted.other", value, sizeof(value)), 0);
}

TEST_F(UnpackTest, TimesOutsideTheFileSystemsRangeCountAsTheEpoch) {
  ASSERT_TRUE(Unpack(TarBuilder()
                         .Add({.name = "old", .data = "1", .pax = {{"mtime", "-5"}}})
                         .Add({.name = "far", .data = "1", .pax = {{"mtime", "99999999999999"}}})
                         .Add({.name = "fine", .data = "1", .pax = {{"mtime", "1600000000.25"}}}))
                  .ok());
  EXPECT_EQ(Stat("old").st_mtime, 0);
  EXPECT_EQ(Stat("far").st_mtime, 0);
  EXPECT_EQ(Stat("fine").st_mtim.tv_nsec, 250000000);
}

TEST_F(UnpackTest, ReadsToTheEndOfTheStream) {
  const std::string archive = TarBuilder().File("a", "1").Finish() + std::string(9000, '\0');
  const auto result = Unpack(archive);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->tar_bytes, archive.size());
}

TEST_F(UnpackTest, FileOfDeclaredSizeBeyondTheLimitIsRefusedBeforeItIsWritten) {
  const std::string archive = TarBuilder()
                                  .Add({.name = "huge", .size_field = "77777777777"})
                                  .Unfinished();  // 8 GiB, none of it there
  const auto result = Unpack(archive, 1 << 20);
  EXPECT_EQ(result.status().code(), absl::StatusCode::kResourceExhausted) << result.status();
  EXPECT_FALSE(fs::exists(In("huge")));
}

TEST_F(UnpackTest, LimitsTheStreamAndTheNumberOfEntries) {
  const std::string padding = TarBuilder().Finish() + std::string(2 << 20, '\0');
  EXPECT_EQ(Unpack(padding, 1 << 20).status().code(), absl::StatusCode::kResourceExhausted);
  TarBuilder many;
  for (int i = 0; i < 1200; ++i) many.File("f" + std::to_string(i), "");
  EXPECT_EQ(Unpack(many.Finish(), 1 << 20).status().code(), absl::StatusCode::kResourceExhausted);
}

TEST_F(UnpackTest, LimitsSparseFiles) {
  // GNU.sparse 1.0: real size 1 TiB, no data but the (empty) map.
  std::string map = "0\n";
  map.resize(512);
  const std::string archive = TarBuilder()
                                  .Add({.name = "GNUSparseFile.0/s",
                                        .data = map,
                                        .pax = {{"GNU.sparse.major", "1"},
                                                {"GNU.sparse.minor", "0"},
                                                {"GNU.sparse.name", "s"},
                                                {"GNU.sparse.realsize", "1099511627776"}}})
                                  .Finish();
  EXPECT_EQ(Unpack(archive, 1 << 30).status().code(), absl::StatusCode::kResourceExhausted);
}

TEST_F(UnpackTest, DiskFullIsACleanError) {
  const std::string small = Root();
  if (::mount("tmpfs", small.c_str(), "tmpfs", 0, "size=256k") != 0)
    GTEST_SKIP() << "mounting is not allowed here";
  const auto result = Unpack(TarBuilder().File("big", std::string(1 << 20, 'x')));
  EXPECT_EQ(result.status().code(), absl::StatusCode::kResourceExhausted) << result.status();
  EXPECT_THAT(result.status().ToString(), HasSubstr("big"));
  EXPECT_EQ(::umount(small.c_str()), 0);
}

}  // namespace
}  // namespace cc::image
