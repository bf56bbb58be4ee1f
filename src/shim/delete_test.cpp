// SPDX-License-Identifier: Apache-2.0
#include "shim/delete.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "base/file.h"
#include "base/socket.h"
#include "containerd/task.pb.h"
#include "shim/bootstrap.h"

namespace cc::shim {
namespace {

class DeleteTest : public ::testing::Test {
 protected:
  DeleteTest() : dir_(*TempDir::Create("/tmp/cc-delete-")) {
    flags_.namespace_name = "default";
    flags_.address = "/run/containerd/containerd.sock";
    flags_.id = "c1";
    flags_.bundle = dir_.path();
  }
  // A socket as a shim for `id` makes it, named in the bundle's address file.
  std::string MakeSocket(const std::string& id) {
    const std::string path = SocketPath(dir_.path(), flags_.address, flags_.namespace_name, id);
    EXPECT_TRUE(ListenUnix(path).ok());
    EXPECT_TRUE(WriteFileAtomic(dir_.path() + "/address", "unix://" + path).ok());
    return path;
  }
  TempDir dir_;
  Flags flags_;
};

TEST_F(DeleteTest, ShimThatDiedBeforeItHadAVmLeavesNoSocket) {
  const std::string socket = MakeSocket("c1");
  absl::StatusOr<std::string> answer = Delete(flags_);
  ASSERT_TRUE(answer.ok()) << answer.status();
  containerd::task::v2::DeleteResponse response;
  ASSERT_TRUE(response.ParseFromString(*answer));
  EXPECT_EQ(response.exit_status(), 137u);
  EXPECT_FALSE(std::filesystem::exists(socket));
}

TEST_F(DeleteTest, SocketOfThePodStaysWhenAMemberIsDeleted) {
  const std::string socket = MakeSocket("pod");
  ASSERT_TRUE(Delete(flags_).ok());
  EXPECT_TRUE(std::filesystem::exists(socket));
}

TEST_F(DeleteTest, SocketOfAShimThatLivesOnStays) {
  const std::string path = SocketPath(dir_.path(), flags_.address, flags_.namespace_name, "c1");
  const absl::StatusOr<UniqueFd> listener = ListenUnix(path);
  ASSERT_TRUE(listener.ok());
  ASSERT_TRUE(WriteFileAtomic(dir_.path() + "/address", "unix://" + path).ok());
  ASSERT_TRUE(Delete(flags_).ok());
  EXPECT_TRUE(std::filesystem::exists(path));
}

TEST_F(DeleteTest, NeedsAnId) {
  flags_.id.clear();
  EXPECT_EQ(Delete(flags_).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace cc::shim
