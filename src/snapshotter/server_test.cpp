// SPDX-License-Identifier: Apache-2.0
// The service over real sockets: the protocol, the socket's protection, and the program killed at any moment.
#include "snapshotter/server.h"

#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <chrono>
#include <filesystem>
#include <random>
#include <set>
#include <thread>

#include "base/file.h"
#include "base/process.h"
#include "base/socket.h"
#include "base/strings.h"
#include "snapshotter/grpc_service.h"
#include "snapshotter/notify.h"

namespace cc::snapshotter {
namespace {

using grpc::StatusCode;
using Stub = api::Snapshots::Stub;

std::unique_ptr<Stub> Connect(const std::string& path) {
  return api::Snapshots::NewStub(
      grpc::CreateChannel(StrCat("unix://", path), grpc::InsecureChannelCredentials()));
}

void SetDeadline(grpc::ClientContext& context) {
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
  context.set_wait_for_ready(true);
}

// One call of `method` on `stub`, whose response is thrown away.
template <typename Request, typename Response>
grpc::Status Call(Stub& stub, grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                  const Request& request, Response* response) {
  grpc::ClientContext context;
  SetDeadline(context);
  return (stub.*method)(&context, request, response);
}

grpc::Status Prepare(Stub& stub, const std::string& key, const std::string& parent = "",
                     const std::string& ref = "") {
  api::PrepareSnapshotRequest request;
  api::PrepareSnapshotResponse response;
  request.set_key(key);
  request.set_parent(parent);
  if (!ref.empty()) (*request.mutable_labels())["containerd.io/snapshot.ref"] = ref;
  return Call(stub, &Stub::Prepare, request, &response);
}

grpc::Status Remove(Stub& stub, const std::string& key) {
  api::RemoveSnapshotRequest request;
  google::protobuf::Empty response;
  request.set_key(key);
  return Call(stub, &Stub::Remove, request, &response);
}

grpc::Status List(Stub& stub, const std::vector<std::string>& filters, std::vector<api::Info>* out) {
  grpc::ClientContext context;
  SetDeadline(context);
  api::ListSnapshotsRequest request;
  for (const std::string& filter : filters) request.add_filters(filter);
  auto reader = stub.List(&context, request);
  api::ListSnapshotsResponse page;
  while (reader->Read(&page)) out->insert(out->end(), page.info().begin(), page.info().end());
  return reader->Finish();
}

class ServerTest : public testing::Test {
 protected:
  void SetUp() override {
    auto dir = TempDir::Create("/tmp/cc-snapshotter");
    ASSERT_TRUE(dir.ok());
    dir_ = std::make_unique<TempDir>(std::move(*dir));
    path_ = dir_->path() + "/run/s.sock";
  }
  void Start() {
    auto opened = Snapshotter::Open(dir_->path() + "/root");
    ASSERT_TRUE(opened.ok()) << opened.status();
    snapshotter_ = *std::move(opened);
    service_ = std::make_unique<GrpcService>(*snapshotter_);
    auto listener = Listener::Open(path_);
    ASSERT_TRUE(listener.ok()) << listener.status();
    auto server = Server::Start(*std::move(listener), *service_);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    stub_ = Connect(path_);
  }

  std::unique_ptr<TempDir> dir_;
  std::string path_;
  std::unique_ptr<Snapshotter> snapshotter_;
  std::unique_ptr<GrpcService> service_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<Stub> stub_;
};

TEST_F(ServerTest, ServesALifeOfASnapshot) {
  Start();
  EXPECT_EQ(Prepare(*stub_, "d/1/extract-1 sha256:a", "", "sha256:a").error_code(),
            StatusCode::ALREADY_EXISTS);
  ASSERT_TRUE(Prepare(*stub_, "d/2/c", "sha256:a").ok());

  api::MountsRequest mounts_request;
  api::MountsResponse mounts;
  mounts_request.set_key("d/2/c");
  ASSERT_TRUE(Call(*stub_, &Stub::Mounts, mounts_request, &mounts).ok());
  ASSERT_EQ(mounts.mounts_size(), 1);
  EXPECT_EQ(mounts.mounts(0).type(), "bind");

  api::StatSnapshotRequest stat_request;
  api::StatSnapshotResponse stat;
  stat_request.set_key("sha256:a");
  ASSERT_TRUE(Call(*stub_, &Stub::Stat, stat_request, &stat).ok());
  EXPECT_EQ(stat.info().kind(), api::COMMITTED);
  EXPECT_GT(stat.info().created_at().seconds(), 1'600'000'000);

  api::UsageRequest usage_request;
  api::UsageResponse usage;
  usage_request.set_key("d/2/c");
  ASSERT_TRUE(Call(*stub_, &Stub::Usage, usage_request, &usage).ok());
  EXPECT_EQ(usage.size() + usage.inodes(), 0);
  usage_request.set_key("absent");
  EXPECT_EQ(Call(*stub_, &Stub::Usage, usage_request, &usage).error_code(), StatusCode::NOT_FOUND);

  api::UpdateSnapshotRequest update;
  api::UpdateSnapshotResponse updated;
  update.mutable_info()->set_name("d/2/c");
  (*update.mutable_info()->mutable_labels())["k"] = "v";
  update.mutable_update_mask()->add_paths("labels.k");
  ASSERT_TRUE(Call(*stub_, &Stub::Update, update, &updated).ok());
  EXPECT_EQ(updated.info().labels().at("k"), "v");

  std::vector<api::Info> found;
  ASSERT_TRUE(List(*stub_, {R"(labels."containerd.io/snapshot.ref"==sha256:a,parent=="")"}, &found).ok());
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].name(), "sha256:a");
  EXPECT_EQ(List(*stub_, {"=="}, &found).error_code(), StatusCode::INVALID_ARGUMENT);

  api::CommitSnapshotRequest commit;
  google::protobuf::Empty empty;
  commit.set_name("d/3/image");
  commit.set_key("d/2/c");
  ASSERT_TRUE(Call(*stub_, &Stub::Commit, commit, &empty).ok());
  EXPECT_TRUE(Call(*stub_, &Stub::Cleanup, api::CleanupRequest(), &empty).ok());
  EXPECT_EQ(Remove(*stub_, "sha256:a").error_code(), StatusCode::FAILED_PRECONDITION);
  EXPECT_TRUE(Remove(*stub_, "d/3/image").ok());
  EXPECT_TRUE(Remove(*stub_, "sha256:a").ok());

  api::ViewSnapshotRequest view;
  api::ViewSnapshotResponse viewed;
  view.set_key("v");
  view.set_parent("sha256:a");
  EXPECT_EQ(Call(*stub_, &Stub::View, view, &viewed).error_code(), StatusCode::NOT_FOUND);
}

TEST_F(ServerTest, TheSocketIsClosedToOthersAndRemovedAtTheEnd) {
  Start();
  struct stat info {};
  ASSERT_EQ(::stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  EXPECT_TRUE(Prepare(*stub_, "k").ok());
  server_->Stop();
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(ServerTest, BytesThatAreNoHttp2DoNotDisturbOthers) {
  Start();
  sockaddr_un address{.sun_family = AF_UNIX};
  path_.copy(address.sun_path, sizeof(address.sun_path) - 1);
  const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM, 0));
  ASSERT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  (void)SendFull(fd.get(), std::string(1000, 'x'));  // the server may hang up before the end
  EXPECT_TRUE(Prepare(*stub_, "k").ok());
}

TEST(NotifySystemd, SendsOneDatagram) {
  auto dir = TempDir::Create("/tmp/cc-notify");
  const std::string path = dir->path() + "/n";
  sockaddr_un address{.sun_family = AF_UNIX};
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  const UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM, 0));
  ASSERT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
  EXPECT_TRUE(NotifySystemd("READY=1").ok());
  ::setenv("NOTIFY_SOCKET", "relative", 1);
  EXPECT_EQ(NotifySystemd("READY=1").code(), absl::StatusCode::kInvalidArgument);
  ::unsetenv("NOTIFY_SOCKET");
  EXPECT_TRUE(NotifySystemd("READY=1").ok());
  char buffer[64];
  EXPECT_EQ(std::string(buffer, static_cast<size_t>(::recv(fd.get(), buffer, sizeof(buffer), MSG_DONTWAIT))),
            "READY=1");
}

// The program is killed while calls run, again and again. What a call answered OK for is there afterwards,
// the tree is whole, and no socket or directory stands in the way of the next start.
TEST_F(ServerTest, KillsAtAnyMomentLoseNothingThatWasAnswered) {
  std::set<std::string> must;  // answered
  std::set<std::string> may;   // the answer was lost
  std::mt19937 random(7);
  for (int round = 0; round < 10; ++round) {
    absl::StatusOr<Child> program =
        Spawn({.argv = {CC_SNAPSHOTTER_BINARY, "--root", dir_->path() + "/root", "--address", path_}});
    ASSERT_TRUE(program.ok()) << program.status();
    const std::unique_ptr<Stub> stub = Connect(path_);
    const std::string chain = StrCat("sha256:", round);
    ASSERT_EQ(Prepare(*stub, "e", "", chain).error_code(), StatusCode::ALREADY_EXISTS);
    must.insert(chain);
    std::vector<api::Info> found;
    ASSERT_TRUE(List(*stub, {}, &found).ok());
    std::set<std::string> names;
    for (const api::Info& info : found) names.insert(info.name());
    for (const std::string& name : must) EXPECT_TRUE(names.contains(name)) << name;
    for (const api::Info& info : found) {
      EXPECT_TRUE(must.contains(info.name()) || may.contains(info.name())) << info.name();
      EXPECT_TRUE(info.parent().empty() || names.contains(info.parent())) << info.name();
    }

    std::thread writer([&] {
      for (int i = 0;; ++i) {
        const std::string key = StrCat("d/", round, "/extract-", i);
        const grpc::Status status = [&] {
          grpc::ClientContext context;
          context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
          api::PrepareSnapshotRequest request;
          api::PrepareSnapshotResponse response;
          request.set_key(key);
          request.set_parent(chain);
          return stub->Prepare(&context, request, &response);
        }();
        if (!status.ok()) {
          may.insert(key);
          return;
        }
        must.insert(key);
      }
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(std::uniform_int_distribution(0, 40)(random)));
    ASSERT_TRUE(program->Kill(SIGKILL).ok());
    ASSERT_TRUE(program->Wait().ok());
    writer.join();
  }
  EXPECT_GT(must.size(), 10u);
}

}  // namespace
}  // namespace cc::snapshotter
