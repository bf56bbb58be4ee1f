// SPDX-License-Identifier: Apache-2.0
// For tests: a directory to unpack into, with a canary beside it that must survive.
#ifndef CC_IMAGE_TEST_UNPACK_H_
#define CC_IMAGE_TEST_UNPACK_H_

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/file.h"
#include "image/test_tar.h"
#include "image/unpack.h"

namespace cc::image::testing {

namespace fs = std::filesystem;

inline constexpr size_t kDefaultBlock = 3000;  // no multiple of 512: blocks end anywhere

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

}  // namespace cc::image::testing

#endif  // CC_IMAGE_TEST_UNPACK_H_
