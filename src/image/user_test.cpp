// SPDX-License-Identifier: Apache-2.0
#include "image/user.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>

#include "base/file.h"

namespace cc::image {
namespace {

using testing::ElementsAre;

constexpr char kPasswd[] =
    "root:x:0:0:root:/root:/bin/sh\n# comment\nbroken "
    "line\napp:x:1000:1001::/home:/bin/sh\nbig:x:99999999999:1::/:/\n"
    "neg:x:-1:1::/:/\n:x:5:5::/:/\n";
constexpr char kGroup[] =
    "root:x:0:root\nwheel:x:10:root,app\napp:x:1001:\nextra:x:2000:other,app\ntwice:x:2000:app\nbad:x:y:"
    "app\nshort:x:7\n";

struct Case {
  std::string user;
  uint32_t uid, gid;
  std::vector<uint32_t> gids;
};

class UserTest : public testing::TestWithParam<Case> {};

TEST_P(UserTest, ResolvesAsContainerdDoes) {
  const auto user = ResolveUser(GetParam().user, kPasswd, kGroup);
  ASSERT_TRUE(user.ok()) << user.status();
  EXPECT_EQ(user->uid, GetParam().uid);
  EXPECT_EQ(user->gid, GetParam().gid);
  EXPECT_EQ(user->additional_gids, GetParam().gids);
}

INSTANTIATE_TEST_SUITE_P(Table, UserTest,
                         testing::Values(Case{"", 0, 0, {0, 10}}, Case{"root", 0, 0, {0, 10}},
                                         Case{"0", 0, 0, {0, 10}}, Case{"app", 1000, 1001, {1001, 10, 2000}},
                                         Case{"1000", 1000, 1001, {1001, 10, 2000}},
                                         Case{"4242", 4242, 0, {0}}, Case{"app:wheel", 1000, 10, {10, 2000}},
                                         Case{"app:7", 1000, 7, {7, 10, 2000}}, Case{"5:6", 5, 6, {6}},
                                         Case{"1000:extra", 1000, 2000, {2000, 10}},
                                         Case{"app:short", 1000, 7, {7, 10, 2000}}));

TEST(UserErrorTest, NamesThatDoNotExistAreErrors) {
  for (const char* bad :
       {"nobody", "app:nogroup", "neg", "big", "-1", "99999999999", "4294967295", "root "}) {
    EXPECT_EQ(ResolveUser(bad, kPasswd, kGroup).status().code(), absl::StatusCode::kNotFound) << bad;
  }
  for (const char* bad : {":", "a:", ":b", "a:b:c"}) {
    EXPECT_EQ(ResolveUser(bad, kPasswd, kGroup).status().code(), absl::StatusCode::kInvalidArgument) << bad;
  }
}

TEST(UserErrorTest, WorksWithoutAnyFiles) {
  EXPECT_EQ(ResolveUser("12:34", "", "")->gid, 34u);
  EXPECT_FALSE(ResolveUser("root", "", "").ok());
  EXPECT_EQ(ResolveUser("", "", "")->uid, 0u);
}

class UserInRootTest : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(dir_.path() + "/root/etc");
    ASSERT_TRUE(WriteFileAtomic(dir_.path() + "/outside", "evil:x:0:0::/:/\n").ok());
    fd_ = OpenFile(dir_.path() + "/root", O_PATH | O_DIRECTORY).value();
  }
  std::string Etc(const std::string& name) { return dir_.path() + "/root/etc/" + name; }

  TempDir dir_ = TempDir::Create("/tmp/cc-user-").value();
  UniqueFd fd_;
};

TEST_F(UserInRootTest, FollowsLinksInsideTheImage) {
  std::filesystem::create_directories(dir_.path() + "/root/usr/etc");
  ASSERT_TRUE(WriteFileAtomic(dir_.path() + "/root/usr/etc/passwd", kPasswd).ok());
  std::filesystem::create_symlink("/usr/etc/passwd", Etc("passwd"));
  EXPECT_EQ(ResolveUserIn(fd_.get(), "app")->uid, 1000u);
}

TEST_F(UserInRootTest, NeverReadsOutside) {
  std::filesystem::create_symlink("../../outside", Etc("passwd"));
  EXPECT_FALSE(ResolveUserIn(fd_.get(), "evil").ok());
  std::filesystem::remove(Etc("passwd"));
  std::filesystem::create_symlink(dir_.path() + "/outside", Etc("passwd"));
  EXPECT_FALSE(ResolveUserIn(fd_.get(), "evil").ok());
}

TEST_F(UserInRootTest, DoesNotHangOnAPipeAndDoesNotReadHugeFiles) {
  ASSERT_EQ(::mkfifo(Etc("passwd").c_str(), 0600), 0);
  EXPECT_FALSE(ResolveUserIn(fd_.get(), "app").ok());
  std::filesystem::remove(Etc("passwd"));
  ASSERT_TRUE(WriteFileAtomic(Etc("passwd"), std::string(5 << 20, '\n')).ok());
  EXPECT_EQ(ResolveUserIn(fd_.get(), "app").status().code(), absl::StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace cc::image
