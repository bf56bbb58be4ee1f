// SPDX-License-Identifier: Apache-2.0
#include "agent/storage/guest_pull.h"

#include <future>
#include <thread>

#include "base/file.h"
#include "base/socket.h"
#include "coco/cdh.pb.h"
#include "gtest/gtest.h"
#include "ttrpc/server.h"

namespace cc::agent {
namespace {

// A data hub on a socket in a directory of its own.
class Hub {
 public:
  explicit Hub(ttrpc::Server::RawHandler handler) {
    server_.HandleRaw("api.ImagePullService", "PullImage", std::move(handler));
  }
  ~Hub() {
    server_.Shutdown();
    if (thread_.joinable()) thread_.join();
  }
  std::string path() const { return dir_.path() + "/sub/hub.sock"; }
  void Listen() {
    listener_ = *ListenUnix(path());
    thread_ = std::thread([this] { server_.Serve(listener_.get()).IgnoreError(); });
  }

 private:
  TempDir dir_ = *TempDir::Create("/tmp/cc-hub-");
  ttrpc::Server server_;
  UniqueFd listener_;
  std::thread thread_;
};

PullRequest Request(const Hub& hub) {
  return {.socket = hub.path(),
          .image = "img",
          .bundle = "/b",
          .timeout = std::chrono::seconds(60),
          .cancel = *Latch::Create()};
}

absl::Status Never(const ttrpc::CallContext& call, std::string_view, std::string&) {
  auto cancelled = std::make_shared<std::promise<void>>();
  call.OnCancel([cancelled] { cancelled->set_value(); });
  cancelled->get_future().wait();
  return absl::CancelledError("gone");
}

TEST(PullImage, WaitsForADataHubThatStartsLater) {
  api::ImagePullRequest seen;
  Hub hub([&](const ttrpc::CallContext&, std::string_view in, std::string&) {
    seen.ParseFromString(std::string(in));
    return absl::OkStatus();
  });
  auto pull = std::async(std::launch::async, [&] { return PullImage(Request(hub)); });
  // The directory appears when the puller watches it.
  while (!OpenFile(hub.path().substr(0, hub.path().rfind('/')), 0).ok()) std::this_thread::yield();
  hub.Listen();
  EXPECT_TRUE(pull.get().ok());
  EXPECT_EQ(seen.image_url(), "img");
  EXPECT_EQ(seen.bundle_path(), "/b");
}

TEST(PullImage, TellsWhyTheDataHubDoesNotCome) {
  Hub hub(Never);
  auto pull = std::async(std::launch::async, [&] { return PullImage(Request(hub)); });
  while (!OpenFile(hub.path().substr(0, hub.path().rfind('/')), 0).ok()) std::this_thread::yield();
  ASSERT_TRUE(WriteFileAtomic(hub.path() + ".failed", "cdh.toml: no such key").ok());
  const absl::Status status = pull.get();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(status.message().find("cdh.toml: no such key"), std::string::npos) << status;
}

TEST(PullImage, PassesTheDataHubsErrorOn) {
  Hub hub([](const ttrpc::CallContext&, std::string_view, std::string&) {
    return absl::NotFoundError("registry answered 404");
  });
  PullRequest request = Request(hub);
  std::thread late([&] {
    while (!OpenFile(hub.path().substr(0, hub.path().rfind('/')), 0).ok()) std::this_thread::yield();
    hub.Listen();
  });
  EXPECT_EQ(PullImage(request), absl::NotFoundError("registry answered 404"));
  late.join();
}

TEST(PullImage, IsGivenUpWhileTheDataHubIsMissing) {
  Hub hub(Never);
  PullRequest request = Request(hub);
  request.cancel->Set();
  EXPECT_EQ(PullImage(request).code(), absl::StatusCode::kCancelled);
}

TEST(PullImage, IsGivenUpWhileThePullRuns) {
  std::promise<void> running;
  Hub hub([&](const ttrpc::CallContext& call, std::string_view in, std::string& out) {
    running.set_value();
    return Never(call, in, out);
  });
  PullRequest request = Request(hub);
  auto pull = std::async(std::launch::async, [&] { return PullImage(request); });
  while (!OpenFile(hub.path().substr(0, hub.path().rfind('/')), 0).ok()) std::this_thread::yield();
  hub.Listen();
  running.get_future().wait();
  request.cancel->Set();
  EXPECT_EQ(pull.get().code(), absl::StatusCode::kCancelled);
}

TEST(PullImage, EndsAtItsTimeout) {
  Hub hub(Never);
  PullRequest request = Request(hub);
  request.timeout = std::chrono::seconds(0);
  EXPECT_EQ(PullImage(request).code(), absl::StatusCode::kDeadlineExceeded);
}

}  // namespace
}  // namespace cc::agent
