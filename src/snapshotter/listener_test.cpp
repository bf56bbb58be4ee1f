// SPDX-License-Identifier: Apache-2.0
// The socket by itself, and inherited by the real program as from systemd.
#include "snapshotter/listener.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <future>

#include "base/file.h"
#include "base/process.h"
#include "base/socket.h"
#include "base/strings.h"
#include "base/tcp.h"
#include "snapshotter/grpc_service.h"

namespace cc::snapshotter {
namespace {

using testing::HasSubstr;

class ListenerTest : public testing::Test {
 protected:
  void SetUp() override {
    auto dir = TempDir::Create("/tmp/cc-listener");
    ASSERT_TRUE(dir.ok()) << dir.status();
    dir_ = std::make_unique<TempDir>(*std::move(dir));
    run_ = dir_->path() + "/run";
    path_ = run_ + "/s.sock";
  }

  // The program with descriptor `fd` as its number 3, as systemd starts it. `variables` are shell
  // assignments.
  SpawnOptions Activated(int fd, const std::string& variables) const {
    return {.argv = {"/bin/sh", "-c", variables + R"( exec "$@")", "sh", CC_SNAPSHOTTER_BINARY, "--root",
                     dir_->path() + "/root", "--address", path_},
            .fds = {{fd, 3}}};
  }

  std::unique_ptr<TempDir> dir_;
  std::string run_;
  std::string path_;
};

constexpr char kOneForMe[] = "LISTEN_PID=$$ LISTEN_FDS=1";

TEST_F(ListenerTest, MakesASocketClosedToOthersAndRemovesIt) {
  {
    const auto listener = Listener::Open(path_);
    ASSERT_TRUE(listener.ok()) << listener.status();
    EXPECT_FALSE(listener->inherited());
    struct stat info {};
    ASSERT_EQ(::stat(path_.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600u);
    ASSERT_EQ(::stat(run_.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0700u);
    EXPECT_TRUE(ConnectUnix(path_).ok());
  }
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(ListenerTest, RefusesADirectoryOpenToOthersAndAPathWithoutOne) {
  ASSERT_EQ(::mkdir(run_.c_str(), 0700), 0);
  ASSERT_EQ(::chmod(run_.c_str(), 0755), 0);
  EXPECT_EQ(Listener::Open(path_).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(Listener::Open("name").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Listener::Open("/name").status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(ListenerTest, VariablesMeantForAnotherProcessAreIgnored) {
  ::setenv("LISTEN_PID", "1", 1);
  ::setenv("LISTEN_FDS", "1", 1);
  const auto listener = Listener::Open(path_);
  ::unsetenv("LISTEN_PID");
  ::unsetenv("LISTEN_FDS");
  ASSERT_TRUE(listener.ok()) << listener.status();
  EXPECT_FALSE(listener->inherited());
}

TEST_F(ListenerTest, AnInheritedDescriptorMustBeTheConfiguredSocket) {
  ASSERT_EQ(::mkdir(run_.c_str(), 0700), 0);
  const UniqueFd right = *ListenUnix(path_);
  const UniqueFd elsewhere = *ListenUnix(run_ + "/other.sock");
  const UniqueFd tcp = *ListenTcp("127.0.0.1:0");
  const UniqueFd null = *OpenFile("/dev/null", O_RDWR);
  const UniqueFd connected = *ConnectUnix(path_);
  const struct {
    int fd;
    std::string variables;
    std::string complaint;
  } cases[] = {
      {right.get(), "LISTEN_PID=$$", "LISTEN_FDS is ''"},
      {right.get(), "LISTEN_PID=$$ LISTEN_FDS=2", "LISTEN_FDS is '2'"},
      {elsewhere.get(), kOneForMe, "the inherited socket is '" + run_ + "/other.sock'"},
      {tcp.get(), kOneForMe, "no listening unix stream socket"},
      {null.get(), kOneForMe, "no listening unix stream socket"},
      {connected.get(), kOneForMe, "no listening unix stream socket"},
  };
  for (const auto& bad : cases) {
    const auto output = cc::Run(Activated(bad.fd, bad.variables));
    ASSERT_TRUE(output.ok()) << output.status();
    EXPECT_EQ(output->exit.Status(), 1) << bad.complaint;
    EXPECT_THAT(output->err, HasSubstr(bad.complaint));
  }
}

// What containerd sees of restarts: no connection is refused, calls made while nobody runs are answered by
// the next process, and neither SIGKILL nor a clean stop takes the socket away.
TEST_F(ListenerTest, CallsWaitForTheNextProcess) {
  ASSERT_EQ(::mkdir(run_.c_str(), 0700), 0);
  const UniqueFd socket = *ListenUnix(path_);
  for (const int signal : {SIGKILL, SIGTERM}) {
    auto stub = api::Snapshots::NewStub(
        grpc::CreateChannel(StrCat("unix://", path_), grpc::InsecureChannelCredentials()));
    grpc::ClientContext context;
    context.set_wait_for_ready(false);  // a refused connection would fail the call at once
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(120));
    api::StatSnapshotRequest request;
    request.set_key("absent");
    api::StatSnapshotResponse response;
    std::promise<grpc::Status> answered;
    stub->async()->Stat(&context, &request, &response,
                        [&](const grpc::Status& status) { answered.set_value(status); });
    absl::StatusOr<Child> program = Spawn(Activated(socket.get(), kOneForMe));
    ASSERT_TRUE(program.ok()) << program.status();
    EXPECT_EQ(answered.get_future().get().error_code(), grpc::StatusCode::NOT_FOUND);
    ASSERT_TRUE(program->Kill(signal).ok());
    const absl::StatusOr<ExitState> exit = program->Wait();
    ASSERT_TRUE(exit.ok()) << exit.status();
    EXPECT_EQ(exit->Status(), signal == SIGTERM ? 0 : 128 + SIGKILL);
    EXPECT_TRUE(ConnectUnix(path_).ok());
  }
}

}  // namespace
}  // namespace cc::snapshotter
