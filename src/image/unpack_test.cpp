// SPDX-License-Identifier: Apache-2.0
// Layers that are as they should be, and the pack of layers that are not: whatever an archive holds, nothing
// outside the directory changes, and the refusal says why.
#include "image/unpack.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/process.h"
#include "image/test_tar.h"

namespace cc::image {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using testing::Entry;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::TarBuilder;

constexpr size_t kDefaultBlock = 3000;  // no multiple of 512: blocks end anywhere

class UnpackTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "owners and whiteouts need root";
    fs::create_directory(Root());
    fs::create_directory(dir_.path() + "/outside");
    ASSERT_TRUE(WriteFileAtomic(dir_.path() + "/outside/canary", "alive").ok());
  }
  void TearDown() override {
    if (IsSkipped()) return;
    EXPECT_EQ(ReadFile(dir_.path() + "/outside/canary").value_or("gone"), "alive");
    std::vector<std::string> beside;
    for (const auto& entry : fs::directory_iterator(dir_.path())) beside.push_back(entry.path().filename());
    EXPECT_THAT(beside, ::testing::UnorderedElementsAre("root", "outside"));
  }

  std::string Root() const { return dir_.path() + "/root"; }
  std::string In(const std::string& path) const { return Root() + "/" + path; }

  absl::StatusOr<UnpackResult> Unpack(const std::string& archive, uint64_t max_bytes = UINT64_MAX,
                                      size_t block = kDefaultBlock) {
    size_t at = 0;
    const ReadBlock read = [&]() -> absl::StatusOr<std::string_view> {
      const std::string_view piece = std::string_view(archive).substr(at, block);
      at += piece.size();
      return piece;
    };
    return UnpackTar(read, OpenFile(Root(), O_RDONLY | O_DIRECTORY).value(), {max_bytes});
  }
  absl::StatusOr<UnpackResult> Unpack(const TarBuilder& builder) { return Unpack(builder.Finish()); }

  struct stat Stat(const std::string& path) const {
    struct stat st {};
    EXPECT_EQ(::lstat(In(path).c_str(), &st), 0) << path;
    return st;
  }
  bool IsWhiteout(const std::string& path) const {
    const struct stat st = Stat(path);
    return S_ISCHR(st.st_mode) && st.st_rdev == makedev(0, 0);
  }
  bool IsOpaque(const std::string& path) const {
    char value = 0;
    return ::getxattr(In(path).c_str(), "trusted.overlay.opaque", &value, 1) == 1 && value == 'y';
  }

  // In memory where that is possible: thousands of files are made here.
  TempDir dir_ =
      TempDir::Create(fs::is_directory("/dev/shm") ? "/dev/shm/cc-unpack-" : "/tmp/cc-unpack-").value();
};

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

TEST_F(UnpackTest, MutatedArchivesChangeNothingOutside) {
  const std::string seed =
      TarBuilder()
          .Dir("d")
          .File("d/f", std::string(700, 'x'))
          .Symlink("l", "../outside")
          .File(".wh.gone", "")
          .File("d/.wh..wh..opq", "")
          .Hardlink("h", "d/f")
          .Add({.name = "p", .data = "1", .pax = {{"path", "long/name"}, {"mtime", "1.5"}}})
          .Add({.name = "q", .type = '6'})
          .Finish();
  std::minstd_rand random(20240607);
  int refused = 0;
  for (int i = 0; i < 1000; ++i) {
    std::string archive = seed;
    for (unsigned change = 0; change <= random() % 4; ++change) {
      char& byte = archive[random() % archive.size()];
      byte = random() % 2 == 0 ? static_cast<char>(random()) : "./0\0l57"[random() % 7];
    }
    // Half of them with check sums that fit again, so that the change is read.
    for (size_t at = 0; i % 2 == 0 && at + 512 <= archive.size(); at += 512) {
      if (archive.compare(at + 257, 5, "ustar") != 0) continue;
      archive.replace(at + 148, 8, "        ");
      unsigned sum = 0;
      for (size_t k = 0; k < 512; ++k) sum += static_cast<unsigned char>(archive[at + k]);
      char text[8];
      std::snprintf(text, sizeof(text), "%06o", sum);
      archive.replace(at + 148, 7, text, 7);
    }
    refused += Unpack(archive, 1 << 20).ok() ? 0 : 1;
    for (const auto& entry : fs::directory_iterator(Root())) fs::remove_all(entry);
  }
  EXPECT_GT(refused, 100);
}

// ---------------------------------------------------------------------------------------------------------
// The attack pack.

struct Attack {
  std::string name;
  std::string archive;
  absl::StatusCode code;  // kOk: harmless, must unpack
  std::string message;    // part of the error
};

std::vector<Attack> Attacks() {
  const auto denied = absl::StatusCode::kPermissionDenied;
  const auto invalid = absl::StatusCode::kInvalidArgument;
  const auto ok = absl::StatusCode::kOk;
  std::vector<Attack> attacks;
  const auto add = [&](std::string name, const TarBuilder& builder, absl::StatusCode code,
                       std::string message) {
    attacks.push_back({name, builder.Finish(), code, message});
  };
  add("DotDot", TarBuilder().File("../outside/canary", "dead"), denied, "'..'");
  add("DotDotInside", TarBuilder().File("a/../../outside/canary", "dead"), denied, "'..'");
  add("DotDotThatStays", TarBuilder().File("a/../b", "x"), denied, "'..'");
  add("DotDotDirectory", TarBuilder().Dir(".."), denied, "'..'");
  add("DotDotInPax", TarBuilder().Add({.name = "x", .data = "d", .pax = {{"path", "../outside/canary"}}}),
      denied, "'..'");
  add("Absolute", TarBuilder().File("/etc/cc-attack", "x"), denied, "absolute");
  add("AbsoluteDirectory", TarBuilder().Dir("/outside"), denied, "absolute");
  add("AbsoluteInPax", TarBuilder().Add({.name = "x", .data = "d", .pax = {{"path", "/etc/cc-attack"}}}),
      denied, "absolute");
  add("SymlinkThenFile", TarBuilder().Symlink("l", "../outside").File("l/canary", "dead"), denied,
      "leads out");
  add("AbsoluteSymlinkThenFile", TarBuilder().Symlink("l", "/etc").File("l/cc-attack", "x"), denied,
      "leads out");
  add("SymlinkToRootThenFile", TarBuilder().Symlink("l", "/").File("l/etc/cc-attack", "x"), denied,
      "leads out");
  add("SymlinkChain", TarBuilder().Symlink("a", "b").Symlink("b", "..").File("a/outside/canary", "dead"),
      denied, "leads out");
  add("SymlinkChainByDots",
      TarBuilder().Dir("d").Symlink("d/a", "..").Symlink("b", "d/a/..").File("b/outside/canary", "dead"),
      denied, "leads out");
  add("SymlinkLoop", TarBuilder().Symlink("a", "b").Symlink("b", "a").File("a/x", "1"), denied,
      "symbolic link");
  add("SymlinkThenDirectoryBelow", TarBuilder().Symlink("l", "../outside").Dir("l/new"), denied, "leads out");
  add("SymlinkThenWhiteoutBelow", TarBuilder().Symlink("l", "../outside").File("l/.wh.canary", ""), denied,
      "leads out");
  add("SymlinkThenOpaque", TarBuilder().Symlink("l", "../outside").File("l/.wh..wh..opq", ""), denied,
      "leads out");
  add("SymlinkThenSymlinkBelow", TarBuilder().Symlink("l", "../outside").Symlink("l/x", "y"), denied,
      "leads out");
  add("SymlinkThenFifoBelow", TarBuilder().Symlink("l", "../outside").Add({.name = "l/p", .type = '6'}),
      denied, "leads out");
  add("SymlinkThenHardlinkBelow",
      TarBuilder().File("f", "1").Symlink("l", "../outside").Hardlink("l/canary", "f"), denied, "leads out");
  add("SymlinkReplacedByFile", TarBuilder().Symlink("l", "../outside/canary").File("l", "mine"), ok, "");
  add("DirectoryReplacedBySymlinkThenFile",
      TarBuilder().Dir("d").File("d/canary", "1").Symlink("d", "../outside").File("d/canary", "dead"), denied,
      "leads out");
  add("ProcMagicLink", TarBuilder().Symlink("l", "/proc/self/root/tmp").File("l/cc-attack", "x"), denied,
      "leads out");
  add("DanglingSymlinkAsParent", TarBuilder().Symlink("l", "nowhere").File("l/x", "1"), invalid,
      "no directory");
  add("FileAsParent", TarBuilder().File("f", "1").File("f/x", "2"), invalid, "no directory");
  add("HardlinkOutsideByDots", TarBuilder().Hardlink("h", "../outside/canary").File("h", "dead"), denied,
      "'..'");
  add("HardlinkAbsolute", TarBuilder().Hardlink("h", "/etc/passwd"), invalid, "not in the layer");
  add("HardlinkThroughSymlink",
      TarBuilder().Symlink("l", "../outside").Hardlink("h", "l/canary").File("h", "dead"), denied,
      "leads out");
  add("HardlinkToOutwardSymlinkThenFile",
      TarBuilder().Symlink("l", "../outside/canary").Hardlink("h", "l").File("h", "mine"), ok, "");
  add("HardlinkToNothing", TarBuilder().Hardlink("h", "missing"), invalid, "not in the layer");
  add("HardlinkToItself", TarBuilder().Hardlink("h", "h"), invalid, "not in the layer");
  add("HardlinkToDirectory", TarBuilder().Dir("d").Hardlink("h", "d"), invalid, "directory");
  add("HardlinkToWhiteout", TarBuilder().File(".wh.w", "").Hardlink("h", "w"), invalid, "not in the layer");
  add("HardlinkWithData",
      TarBuilder().File("f", "1").Add({.name = "h", .type = '1', .data = "x", .link = "f"}), invalid,
      "has data");
  add("BlockDevice", TarBuilder().Add({.name = "sda", .type = '4', .major = 8}), denied,
      "block device (8:0)");
  add("CharacterDevice", TarBuilder().Add({.name = "dev/mem", .type = '3', .major = 1, .minor = 1}), denied,
      "character device (1:1)");
  add("WhiteoutOfDotDot", TarBuilder().File("d/.wh...", ""), invalid, "whiteout");
  add("WhiteoutOfDot", TarBuilder().File("d/.wh..", ""), invalid, "whiteout");
  add("WhiteoutOfNothing", TarBuilder().File("d/.wh.", ""), invalid, "whiteout");
  add("OverlayOpaqueXattr",
      TarBuilder().Add({.name = "d", .type = '5', .pax = {{"SCHILY.xattr.trusted.overlay.opaque", "y"}}}),
      denied, "overlay");
  add("OverlayRedirectXattr",
      TarBuilder().Add({.name = "d", .type = '5', .pax = {{"SCHILY.xattr.trusted.overlay.redirect", "/x"}}}),
      denied, "overlay");
  add("OverlayMetacopyXattr",
      TarBuilder().Add({.name = "f", .pax = {{"SCHILY.xattr.trusted.overlay.metacopy", ""}}}), denied,
      "overlay");
  add("UserOverlayXattr",
      TarBuilder().Add({.name = "f", .pax = {{"SCHILY.xattr.user.overlay.whiteout", "y"}}}), denied,
      "overlay");
  add("BadCapability", TarBuilder().Add({.name = "f", .pax = {{"SCHILY.xattr.security.capability", "zz"}}}),
      invalid, "security.capability");
  add("LibarchiveOverlayXattr",
      TarBuilder().Add(
          {.name = "d", .type = '5', .pax = {{"LIBARCHIVE.xattr.trusted.overlay.opaque", "eQ=="}}}),
      denied, "overlay");
  std::string deep;
  for (int i = 0; i < 10000; ++i) deep += "d/";
  add("TenThousandLevels", TarBuilder().File(deep + "f", "1"), invalid, "the limit is");
  add("LongComponent", TarBuilder().File(std::string(256, 'n'), "1"), invalid, "255");
  add("LongPath", TarBuilder().File(std::string(4096, 'n'), "1"), invalid, "the limit is");
  add("LongLinkTarget", TarBuilder().Symlink("l", std::string(5000, 't')), invalid, "");
  add("EmptyName", TarBuilder().File("", "1"), invalid, "");
  add("EmptySymlinkTarget", TarBuilder().Symlink("l", ""), invalid, "no target");
  // A file whose name ends in '/' is the old form of a directory, which has no data.
  add("DirectoryInOldForm", TarBuilder().File("./", "").File("d/", "").File("d/x", "1"), ok, "");
  add("DirectoryInOldFormWithData", TarBuilder().File("d/", "1"), invalid, "damaged");
  add("RootAsSymlink", TarBuilder().Symlink(".", "../outside"), invalid, "root");
  add("TwoSizes",
      TarBuilder().Add({.name = "f",
                        .data = TarBuilder().File("evil", "x").Unfinished(),
                        .pax = {{"size", "1024"}},
                        .size_field = "00000000000"}),
      invalid, "two sizes");
  add("NegativeSize", TarBuilder().Add({.name = "f", .size_field = std::string(12, '\xff')}), invalid,
      "malformed");
  add("NonsenseSize", TarBuilder().Add({.name = "f", .size_field = "nonsense"}), invalid, "malformed");
  add("PaxRecordTooLong", TarBuilder().AddRawPax("999 path=x\n").File("f", "1"), invalid, "malformed");
  add("PaxRecordNoLength", TarBuilder().AddRawPax("path=x\n").File("f", "1"), invalid, "malformed");
  add("PaxGlobalSize", TarBuilder().AddPax({{"size", "0"}}, 'g').File("f", "1"), invalid, "malformed");
  add("PaxEmptyValues", TarBuilder().Add({.name = "f", .data = "1", .pax = {{"uname", ""}, {"comment", ""}}}),
      ok, "");
  add("PaxGlobalComment", TarBuilder().AddPax({{"comment", "commit"}}, 'g').File("f", "1"), ok, "");
  add("UnknownType", TarBuilder().Add({.name = "f", .type = 'Z'}), invalid, "not known");
  add("MultiVolume", TarBuilder().Add({.name = "f", .type = 'M'}), invalid, "not known");
  add("ZeroBlockInside", TarBuilder().File("a", "1").Raw(std::string(512, '\0')).File("b", "2"), invalid,
      "zero block");
  add("HugeOwner", TarBuilder().Add({.name = "f", .pax = {{"uid", "4294967295"}}}), invalid, "owner");
  add(
      "DuplicateThousandTimes",
      [] {
        TarBuilder b;
        for (int i = 0; i < 1000; ++i) b.File("f", std::to_string(i));
        return b;
      }(),
      ok, "");
  add("FileBecomesDirectoryAndBack",
      TarBuilder().File("x", "1").Dir("x").File("x/y", "2").File("x", "3").Dir("x"), ok, "");
  const std::string good = TarBuilder().File("a", std::string(5000, 'x')).Finish();
  attacks.push_back({"TruncatedData", good.substr(0, 3000), invalid, ""});
  attacks.push_back({"TruncatedHeader", good.substr(0, 100), invalid, ""});
  attacks.push_back({"Garbage", std::string(4096, 'g'), invalid, ""});
  std::string checksum = good;
  checksum[0] = 'b';
  attacks.push_back({"WrongChecksum", checksum, invalid, ""});
  return attacks;
}

class UnpackAttackTest : public UnpackTest, public ::testing::WithParamInterface<Attack> {};

TEST_P(UnpackAttackTest, ChangesNothingOutsideAndSaysWhy) {
  const auto result = Unpack(GetParam().archive);
  EXPECT_EQ(result.status().code(), GetParam().code) << result.status();
  EXPECT_THAT(result.status().ToString(), HasSubstr(GetParam().message));
  EXPECT_FALSE(fs::exists("/etc/cc-attack"));
  EXPECT_FALSE(fs::exists("/tmp/cc-attack"));
}

INSTANTIATE_TEST_SUITE_P(Pack, UnpackAttackTest, ::testing::ValuesIn(Attacks()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace cc::image
