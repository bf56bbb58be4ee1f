// SPDX-License-Identifier: Apache-2.0
// Against a containerd of its own, a peer that nobody here wrote; and against peers that misbehave.
#include "shim/grpc_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>

#include "base/file.h"
#include "base/process.h"
#include "base/socket.h"
#include "base/thread.h"
#include "shim/image_name.h"

namespace cc::shim {
namespace {

using ::testing::HasSubstr;

constexpr std::chrono::seconds kTimeout{20};
constexpr char kGet[] = "/containerd.services.containers.v1.Containers/Get";

class ContainerdTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0 || ::access("/usr/bin/containerd", X_OK) != 0)
      GTEST_SKIP() << "needs root and containerd";
    absl::StatusOr<TempDir> dir = TempDir::Create("/tmp/cc-grpc");
    ASSERT_TRUE(dir.ok());
    dir_ = std::make_unique<TempDir>(std::move(*dir));
    const std::string d = dir_->path();
    ASSERT_TRUE(WriteFileAtomic(
                    d + "/config.toml",
                    "version = 2\nroot = \"" + d + "/root\"\nstate = \"" + d +
                        "/state\"\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n[grpc]\naddress = \"" +
                        d + "/sock\"\n[plugins.\"io.containerd.internal.v1.opt\"]\npath = \"" + d +
                        "/opt\"\n")
                    .ok());
    absl::StatusOr<Child> child = Spawn({.argv = {"/usr/bin/containerd", "-c", d + "/config.toml"}});
    ASSERT_TRUE(child.ok());
    containerd_ = std::move(*child);
    // ctr waits for the server itself.
    ASSERT_EQ(Ctr({"version"}), 0);
  }
  void TearDown() override {
    if (containerd_.running()) {
      containerd_.Kill(SIGTERM).IgnoreError();
      containerd_.Wait().IgnoreError();
    }
  }
  int Ctr(std::vector<std::string> args) {
    args.insert(args.begin(), {"/usr/bin/ctr", "-a", dir_->path() + "/sock", "-n", "testns"});
    absl::StatusOr<Output> output = cc::Run({.argv = std::move(args)});
    EXPECT_TRUE(output.ok());
    return output->exit.Status();
  }
  std::unique_ptr<TempDir> dir_;
  Child containerd_;
};

TEST_F(ContainerdTest, ReadsARecordAndItsAbsence) {
  ASSERT_EQ(::mkdir((dir_->path() + "/rootfs").c_str(), 0755), 0);
  ASSERT_EQ(Ctr({"containers", "create", "--rootfs", dir_->path() + "/rootfs", "c1", "true"}), 0);
  absl::StatusOr<std::string> image = ImageOfRecord(dir_->path() + "/sock", "testns", "c1");
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ(*image, "");
  const absl::Status absent = ImageOfRecord(dir_->path() + "/sock", "testns", "nope").status();
  EXPECT_EQ(absent.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(absent.ToString(), HasSubstr("nope"));
  EXPECT_EQ(ImageOfRecord(dir_->path() + "/sock", "other", "c1").status().code(), absl::StatusCode::kNotFound)
      << "the namespace is sent";
  EXPECT_EQ(GrpcUnaryCall(dir_->path() + "/sock", "/no.Such/Method", "", {}, kTimeout).status().code(),
            absl::StatusCode::kUnimplemented);
}

class BadPeerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    absl::StatusOr<TempDir> dir = TempDir::Create("/tmp/cc-grpc-bad");
    ASSERT_TRUE(dir.ok());
    dir_ = std::make_unique<TempDir>(std::move(*dir));
    absl::StatusOr<UniqueFd> listener = ListenUnix(path());
    ASSERT_TRUE(listener.ok());
    listener_ = std::move(*listener);
  }
  std::string path() const { return dir_->path() + "/sock"; }
  std::unique_ptr<TempDir> dir_;
  UniqueFd listener_;
};

TEST_F(BadPeerTest, SilenceEndsWithTheDeadline) {
  EXPECT_EQ(GrpcUnaryCall(path(), kGet, "x", {}, std::chrono::milliseconds(10)).status().code(),
            absl::StatusCode::kDeadlineExceeded);
}

TEST_F(BadPeerTest, GarbageAndHangUpAreErrors) {
  for (const std::string& answer : {std::string("HTTP/1.1 400 Bad Request\r\n\r\n"),
                                    std::string(5000, '\xff'), std::string(100, '\0'), std::string()}) {
    absl::StatusOr<Thread> peer = Thread::Start("peer", [&] {
      absl::StatusOr<UniqueFd> fd = Accept(listener_.get());
      if (fd.ok()) SendFull(fd->get(), answer).IgnoreError();
    });
    EXPECT_FALSE(GrpcUnaryCall(path(), kGet, "x", {}, kTimeout).ok());
  }
}

TEST_F(BadPeerTest, NobodyThereIsUnavailable) {
  EXPECT_EQ(GrpcUnaryCall("/nonexistent.sock", kGet, "", {}, kTimeout).status().code(),
            absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace cc::shim
