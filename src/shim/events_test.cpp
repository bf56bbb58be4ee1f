// SPDX-License-Identifier: Apache-2.0
#include "shim/events.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "base/file.h"
#include "base/socket.h"
#include "base/thread.h"
#include "containerd/events.pb.h"
#include "containerd/events_forward.pb.h"
#include "google/protobuf/empty.pb.h"
#include "ttrpc/server.h"

namespace cc::shim {
namespace {

using ::testing::ElementsAre;

constexpr std::chrono::milliseconds kShort{1};

// Records topics; fails as often as told.
class Sink {
 public:
  absl::Status Take(const containerd::types::Envelope& envelope) {
    const std::lock_guard lock(mutex_);
    if (failures_ > 0) {
      --failures_;
      return absl::UnavailableError("containerd is away");
    }
    taken_.push_back(envelope);
    return absl::OkStatus();
  }
  void FailNext(int count) {
    const std::lock_guard lock(mutex_);
    failures_ = count;
  }
  std::vector<std::string> topics() {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> topics;
    for (const auto& envelope : taken_) topics.push_back(envelope.topic());
    return topics;
  }
  std::vector<containerd::types::Envelope> taken() {
    const std::lock_guard lock(mutex_);
    return taken_;
  }

 private:
  std::mutex mutex_;
  int failures_ = 0;
  std::vector<containerd::types::Envelope> taken_;
};

containerd::events::TaskStart Start(uint32_t pid) {
  containerd::events::TaskStart event;
  event.set_container_id("c1");
  event.set_pid(pid);
  return event;
}

TEST(EventsTest, ArriveInOrderAndWhole) {
  Sink sink;
  EventPublisher publisher(
      "ns", [&](const auto& envelope) { return sink.Take(envelope); }, kShort);
  for (uint32_t i = 0; i < 100; ++i) publisher.Publish("/tasks/start", "TaskStart", Start(i));
  publisher.Close();
  const auto taken = sink.taken();
  ASSERT_EQ(taken.size(), 100u);
  for (uint32_t i = 0; i < 100; ++i) {
    EXPECT_EQ(taken[i].namespace_(), "ns");
    EXPECT_EQ(taken[i].event().type_url(), "containerd.events.TaskStart");
    containerd::events::TaskStart event;
    ASSERT_TRUE(event.ParseFromString(taken[i].event().value()));
    EXPECT_EQ(event.pid(), i);
    EXPECT_GT(taken[i].timestamp().seconds(), 0);
  }
}

TEST(EventsTest, AFailureDelaysButDoesNotReorder) {
  Sink sink;
  sink.FailNext(3);
  EventPublisher publisher(
      "ns", [&](const auto& envelope) { return sink.Take(envelope); }, kShort);
  publisher.Publish("/tasks/create", "TaskCreate", Start(1));
  publisher.Publish("/tasks/start", "TaskStart", Start(1));
  publisher.Close();
  EXPECT_THAT(sink.topics(), ElementsAre("/tasks/create", "/tasks/start"));
}

TEST(EventsTest, OneThatAlwaysFailsIsDroppedForTheNext) {
  Sink sink;
  sink.FailNext(6);
  EventPublisher publisher(
      "ns", [&](const auto& envelope) { return sink.Take(envelope); }, kShort);
  publisher.Publish("/tasks/create", "TaskCreate", Start(1));
  publisher.Publish("/tasks/start", "TaskStart", Start(1));
  publisher.Close();
  EXPECT_THAT(sink.topics(), ElementsAre("/tasks/start"));
}

TEST(EventsTest, CloseDoesNotWaitForAContainerdThatIsGone) {
  EventPublisher publisher(
      "ns", [](const auto&) { return absl::UnavailableError("gone"); }, std::chrono::hours(1));
  for (int i = 0; i < 10; ++i) publisher.Publish("/tasks/start", "TaskStart", Start(1));
  publisher.Close(kShort);
}

TEST(EventsTest, GoThroughTtrpcAndSurviveARestartOfTheReceiver) {
  absl::StatusOr<TempDir> dir = TempDir::Create("/tmp/cc-shim-events");
  ASSERT_TRUE(dir.ok());
  const std::string path = dir->path() + "/sock";
  Sink sink;
  EventPublisher publisher("ns", EventPublisher::ForwardTo("unix://" + path), kShort);
  for (int round = 0; round < 2; ++round) {
    std::promise<void> arrived;
    ttrpc::Server server;
    server.Handle<containerd::services::events::ttrpc::v1::ForwardRequest, google::protobuf::Empty>(
        "containerd.services.events.ttrpc.v1.Events", "Forward",
        [&](const ttrpc::CallContext&, const auto& request, google::protobuf::Empty&) {
          const absl::Status status = sink.Take(request.envelope());
          arrived.set_value();
          return status;
        });
    absl::StatusOr<UniqueFd> listener = ListenUnix(path);
    ASSERT_TRUE(listener.ok());
    absl::StatusOr<Thread> thread =
        Thread::Start("server", [&] { server.Serve(listener->get()).IgnoreError(); });
    publisher.Publish(round == 0 ? "/tasks/create" : "/tasks/start", "TaskStart", Start(1));
    arrived.get_future().wait();
    server.Shutdown();
  }
  publisher.Close();
  EXPECT_THAT(sink.topics(), ElementsAre("/tasks/create", "/tasks/start"));
}

}  // namespace
}  // namespace cc::shim
