// SPDX-License-Identifier: Apache-2.0
#include "shim/start.h"

#include <dirent.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <memory>

#include "base/file.h"
#include "base/socket.h"
#include "containerd/task.pb.h"
#include "shim/bundle.h"
#include "shim/delete.h"

namespace cc::shim {
namespace {

// Each test runs in a bundle directory of its own, as containerd's child does.
class StartTest : public ::testing::Test {
 protected:
  void SetUp() override {
    absl::StatusOr<TempDir> dir = TempDir::Create("/tmp/cc-shim-start");
    ASSERT_TRUE(dir.ok());
    dir_ = std::make_unique<TempDir>(std::move(*dir));
    ASSERT_EQ(::mkdir((dir_->path() + "/bundle").c_str(), 0700), 0);
    ASSERT_EQ(::chdir((dir_->path() + "/bundle").c_str()), 0);
    flags_.id = "c1";
    flags_.namespace_name = "default";
    bootstrap_.grpc_address = "/g";
    WriteSpec("{}");
    bootstrap_.socket_dir = dir_->path() + "/sockets/s";
  }
  void TearDown() override { ASSERT_EQ(::chdir("/"), 0); }

  std::string socket_path(const std::string& id) {
    return SocketPath(bootstrap_.socket_dir, bootstrap_.grpc_address, flags_.namespace_name, id);
  }
  void WriteSpec(const std::string& text) { ASSERT_TRUE(WriteFileAtomic("config.json", text).ok()); }

  std::unique_ptr<TempDir> dir_;
  Flags flags_;
  Bootstrap bootstrap_;
};

int CountOpenFds() {
  DIR* dir = ::opendir("/proc/self/fd");
  int count = -1;  // the directory itself
  while (::readdir(dir) != nullptr) ++count;
  ::closedir(dir);
  return count - 2;  // . and ..
}

// Answers one connection with the number of its descriptors.
int OneShotDaemon(const DaemonOptions&, UniqueFd listener) {
  const std::string fds = std::to_string(CountOpenFds());
  absl::StatusOr<UniqueFd> connection = Accept(listener.get());
  if (!connection.ok()) return 1;
  return SendFull(connection->get(), fds).ok() ? 0 : 1;
}

TEST_F(StartTest, ForksADaemonThatInheritsOnlyTheListener) {
  UniqueFd leaked(::dup(1));  // without close-on-exec, as a careless parent leaves them
  absl::StatusOr<std::string> reply = Start(flags_, bootstrap_, OneShotDaemon);
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(*reply, "unix://" + socket_path("c1"));
  EXPECT_EQ(*ReadFile("address"), *reply);
  EXPECT_FALSE(ReadFile("shim.pid")->empty());
  absl::StatusOr<UniqueFd> connection = ConnectUnix(socket_path("c1"));
  ASSERT_TRUE(connection.ok());
  std::array<char, 16> buffer{};
  absl::StatusOr<size_t> n = ReadSome(connection->get(), buffer);
  ASSERT_TRUE(n.ok());
  EXPECT_EQ(std::string(buffer.data(), *n), "4") << "0, 1, 2 and the listener";
}

TEST_F(StartTest, SecondShimOfALiveIdIsRefusedAndAStaleSocketReplaced) {
  ASSERT_EQ(::mkdir((dir_->path() + "/sockets").c_str(), 0700), 0);
  ASSERT_EQ(::mkdir(bootstrap_.socket_dir.c_str(), 0700), 0);
  {
    absl::StatusOr<UniqueFd> live = ListenUnix(socket_path("c1"));
    ASSERT_TRUE(live.ok()) << live.status();
    EXPECT_EQ(Start(flags_, bootstrap_, OneShotDaemon).status().code(), absl::StatusCode::kAlreadyExists);
  }
  EXPECT_TRUE(Start(flags_, bootstrap_, OneShotDaemon).ok());
  EXPECT_TRUE(ConnectUnix(socket_path("c1")).ok());
}

TEST_F(StartTest, AFailedStartLeavesNeitherSocketNorDaemon) {
  for (const char* file : {"address", "shim.pid"}) {
    ASSERT_EQ(::mkdir(file, 0700), 0);  // cannot be replaced by a file
    const auto daemon = [](const DaemonOptions&, const UniqueFd&) { return ::pause(); };
    EXPECT_FALSE(Start(flags_, bootstrap_, daemon).ok()) << file;
    EXPECT_NE(::access(socket_path("c1").c_str(), F_OK), 0) << file;
    const absl::StatusOr<std::string> sockets = ReadFile("/proc/net/unix", 16 << 20);
    ASSERT_TRUE(sockets.ok());
    EXPECT_EQ(sockets->find(socket_path("c1")), std::string::npos) << file << ": somebody listens";
    ASSERT_EQ(::rmdir(file), 0);
  }
}

TEST_F(StartTest, MemberOfAPodGetsTheSandboxsAddress) {
  WriteSpec(R"({"annotations":{"io.kubernetes.cri.container-type":"container",
                               "io.kubernetes.cri.sandbox-id":"pod"}})");
  absl::StatusOr<std::string> reply = Start(flags_, bootstrap_, OneShotDaemon);
  EXPECT_EQ(reply.status().code(), absl::StatusCode::kNotFound);
  ASSERT_EQ(::mkdir((dir_->path() + "/sockets").c_str(), 0700), 0);
  ASSERT_EQ(::mkdir(bootstrap_.socket_dir.c_str(), 0700), 0);
  absl::StatusOr<UniqueFd> live = ListenUnix(socket_path("pod"));
  ASSERT_TRUE(live.ok());
  reply = Start(flags_, bootstrap_, OneShotDaemon);
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(*reply, "unix://" + socket_path("pod"));
}

TEST_F(StartTest, BundleOfTheSandboxApiHasNoSpecification) {
  ASSERT_EQ(::unlink("config.json"), 0);
  EXPECT_TRUE(Start(flags_, bootstrap_, OneShotDaemon).ok());
  EXPECT_TRUE(ConnectUnix(socket_path("c1")).ok());
}

TEST_F(StartTest, BadSpecificationAndMissingIdAreRefused) {
  WriteSpec("{not json");
  EXPECT_EQ(Start(flags_, bootstrap_, OneShotDaemon).status().code(), absl::StatusCode::kInvalidArgument);
  flags_.id.clear();
  EXPECT_EQ(Start(flags_, bootstrap_, OneShotDaemon).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(StartTest, DeleteRemovesStateAndSocketAndReports137) {
  const std::string state = dir_->path() + "/" + SandboxDirName("default", "c1");
  ASSERT_EQ(::mkdir(state.c_str(), 0700), 0);
  ASSERT_TRUE(WriteFileAtomic(state + "/vsock", "").ok());
  const std::string socket = SocketPath(dir_->path(), flags_.address, flags_.namespace_name, flags_.id);
  ASSERT_TRUE(WriteFileAtomic(socket, "").ok());
  ASSERT_TRUE(WriteFileAtomic("address", "unix://" + socket).ok());
  const SandboxRecord record{
      .shim = {}, .vm = {}, .state_dir = state, .network_namespace = {}, .network_identity = {}};
  ASSERT_TRUE(record.Save(".").ok());
  absl::StatusOr<std::string> answer = Delete(flags_);
  ASSERT_TRUE(answer.ok()) << answer.status();
  containerd::task::v2::DeleteResponse response;
  ASSERT_TRUE(response.ParseFromString(*answer));
  EXPECT_EQ(response.exit_status(), 137u);
  EXPECT_NE(::access(state.c_str(), F_OK), 0);
  EXPECT_NE(::access(socket.c_str(), F_OK), 0);
  EXPECT_TRUE(Delete(flags_).ok()) << "again";
}

TEST_F(StartTest, DeleteRefusesAStateDirectoryThatIsNotTheSandboxs) {
  const SandboxRecord record{
      .shim = {}, .vm = {}, .state_dir = dir_->path(), .network_namespace = {}, .network_identity = {}};
  ASSERT_TRUE(record.Save(".").ok());
  EXPECT_FALSE(Delete(flags_).ok());
  EXPECT_EQ(::access(dir_->path().c_str(), F_OK), 0);
}

TEST_F(StartTest, DeleteWithoutARecordStillAnswers) {
  absl::StatusOr<std::string> answer = Delete(flags_);
  ASSERT_TRUE(answer.ok());
  EXPECT_FALSE(answer->empty());
}

}  // namespace
}  // namespace cc::shim
