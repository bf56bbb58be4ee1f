// SPDX-License-Identifier: Apache-2.0
// The pack of layers that are not as they should be: whatever an archive holds, nothing outside the directory
// changes, and the refusal says why.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "image/test_unpack.h"

namespace cc::image {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using testing::TarBuilder;
using testing::UnpackTest;

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
