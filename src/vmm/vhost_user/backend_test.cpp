// SPDX-License-Identifier: Apache-2.0
#include "vmm/vhost_user/backend.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/eventfd.h>

#include <array>
#include <random>

#include "base/file.h"
#include "base/socket.h"
#include "base/thread.h"
#include "vmm/vhost_user/test_front_end.h"
#include "vmm/virtio/test_driver.h"

namespace cc::vmm::vhost_user {
namespace {

using virtio::TestMemory;
using virtio::TestRing;

// Returns every buffer at once; remembers what it was told.
class EchoDevice : public virtio::Device {
 public:
  uint64_t DeviceFeatures() const override { return 0; }
  std::span<const std::byte> Config() const override { return config_; }
  size_t QueueCount() const override { return 2; }
  void StartQueue(size_t index, virtio::Virtqueue queue, std::function<void()> notify) override {
    queues_[index].emplace(std::move(queue));
    notify_[index] = std::move(notify);
    Kick(index);
  }
  std::optional<virtio::Virtqueue> StopQueue(size_t index) override {
    return std::exchange(queues_[index], std::nullopt);
  }
  void Kick(size_t index) override {
    virtio::Chain chain;
    absl::StatusOr<bool> popped;
    while ((popped = queues_[index]->Pop(&chain)).ok() && *popped) queues_[index]->Push(chain.head, 7);
    if (queues_[index]->ShouldNotify()) notify_[index]();
  }
  bool running(size_t index) const { return queues_[index].has_value(); }

 private:
  std::array<std::byte, 8> config_{std::byte{42}};
  std::array<std::optional<virtio::Virtqueue>, 2> queues_;
  std::array<std::function<void()>, 2> notify_;
};

class BackendTest : public ::testing::Test {
 protected:
  void SetUp() override {
    loop_ = *EventLoop::Create();
    auto pair = *SocketPair();
    front_ = std::move(pair.second);
    backend_ = *Backend::Create(loop_.get(), std::move(pair.first), &device_, [this] { closed_ = true; });
    thread_ = *Thread::Start("loop", [this] { loop_->Run(); });
  }
  void TearDown() override { StopLoop(); }
  void StopLoop() {
    loop_->Stop();
    thread_.Join();
  }

  void Send(Request request, std::string_view payload, const std::vector<int>& fds = {}, uint32_t flags = 0) {
    EXPECT_TRUE(SendWithFds(front_.get(),
                            RawMessage(static_cast<uint32_t>(request), kVersion | flags, payload), fds));
  }
  // The payload of the next answer; empty at the end of the connection.
  std::string Receive() {
    std::array<uint32_t, 3> header;
    if (!ReadFull(front_.get(), header.data(), sizeof(header)).ok()) return "";
    EXPECT_EQ(header[1], kVersion | kFlagReply);
    std::string payload(header[2], '\0');
    EXPECT_TRUE(ReadFull(front_.get(), payload.data(), payload.size()).ok());
    return payload;
  }
  uint64_t Ask(Request request) {
    Send(request, "");
    return Number(Receive());
  }
  // Sends with a wish for an acknowledgement and returns it: 0 is success.
  uint64_t Acknowledged(Request request, std::string_view payload, const std::vector<int>& fds = {}) {
    Send(request, payload, fds, kFlagNeedReply);
    return Number(Receive());
  }
  static uint64_t Number(const std::string& payload) {
    uint64_t value = UINT64_MAX;
    if (payload.size() == sizeof(value)) std::memcpy(&value, payload.data(), sizeof(value));
    return value;
  }
  void Negotiate() {
    Send(Request::kSetProtocolFeatures, Raw(kProtocolReplyAck | kProtocolMultiQueue | kProtocolConfig));
    ASSERT_EQ(Acknowledged(Request::kSetFeatures, Raw(Ask(Request::kGetFeatures))), 0u);
  }
  std::string MemoryTable(uint64_t size) const {
    return Raw(MemoryTableHeader{1, 0}) +
           Raw(MemoryTableRegion{TestMemory::kBase, size, TestMemory::kUserBase, 0});
  }
  static uint64_t User(uint64_t guest_address) {
    return guest_address - TestMemory::kBase + TestMemory::kUserBase;
  }
  void SetUpRing(uint32_t index, const TestRing& ring) {
    ASSERT_EQ(Acknowledged(Request::kSetVringSize, Raw(VringState{index, ring.size()})), 0u);
    ASSERT_EQ(Acknowledged(Request::kSetVringBase, Raw(VringState{index, 0})), 0u);
    ASSERT_EQ(Acknowledged(Request::kSetVringAddress,
                           Raw(VringAddress{index, 0, User(ring.descriptors()), User(ring.used()),
                                            User(ring.available()), 0})),
              0u);
    ASSERT_EQ(Acknowledged(Request::kSetVringKick, Raw(uint64_t{index}), {kick_.get()}), 0u);
    ASSERT_EQ(Acknowledged(Request::kSetVringCall, Raw(uint64_t{index}), {call_.get()}), 0u);
  }
  void AwaitCall() {
    pollfd polled{.fd = call_.get(), .events = POLLIN, .revents = 0};
    ASSERT_EQ(::poll(&polled, 1, 10000), 1);
    eventfd_t value;
    ::eventfd_read(call_.get(), &value);
  }

  std::unique_ptr<EventLoop> loop_;
  EchoDevice device_;
  UniqueFd front_;
  bool closed_ = false;
  std::unique_ptr<Backend> backend_;
  Thread thread_;
  TestMemory memory_{64 << 10};
  UniqueFd kick_{::eventfd(0, EFD_CLOEXEC)};
  UniqueFd call_{::eventfd(0, EFD_CLOEXEC)};
};

TEST_F(BackendTest, OffersFeaturesQueuesAndConfiguration) {
  const uint64_t features = Ask(Request::kGetFeatures);
  EXPECT_NE(features & virtio::kFeatureVersion1, 0u);
  EXPECT_NE(features & kFeatureProtocolFeatures, 0u);
  EXPECT_NE(Ask(Request::kGetProtocolFeatures) & kProtocolConfig, 0u);
  EXPECT_EQ(Ask(Request::kGetQueueCount), 2u);
  Send(Request::kGetConfig, Raw(ConfigHeader{0, 8, 0}) + std::string(8, '\0'));
  const std::string config = Receive();
  ASSERT_EQ(config.size(), sizeof(ConfigHeader) + 8);
  EXPECT_EQ(config[sizeof(ConfigHeader)], 42);
}

TEST_F(BackendTest, ConfigurationBehindItsEndReadsAsZero) {
  Send(Request::kGetConfig, Raw(ConfigHeader{UINT32_MAX, 4, 0}) + std::string(4, 'x'));
  EXPECT_EQ(Receive().substr(sizeof(ConfigHeader)), std::string(4, '\0'));
}

TEST_F(BackendTest, RunsAQueueFromEnableToStop) {
  Negotiate();
  TestRing ring(&memory_, TestMemory::kBase, 8);
  ring.Describe(0, TestMemory::kBase + 0x8000, 16, virtio::kWrite);
  ASSERT_EQ(Acknowledged(Request::kSetMemoryTable, MemoryTable(memory_.size()), {memory_.fd()}), 0u);
  SetUpRing(0, ring);
  EXPECT_EQ(ring.UsedIndex(), 0);
  ASSERT_EQ(Acknowledged(Request::kSetVringEnable, Raw(VringState{0, 1})), 0u);

  ring.Offer(0);
  ::eventfd_write(kick_.get(), 1);
  AwaitCall();
  EXPECT_EQ(ring.UsedIndex(), 1);
  EXPECT_EQ(ring.UsedLength(0), 7u);

  // The rings may move while they run.
  ASSERT_EQ(Acknowledged(Request::kSetMemoryTable, MemoryTable(memory_.size()), {memory_.fd()}), 0u);
  ring.SetUsedEvent(1);
  ring.Offer(0);
  ::eventfd_write(kick_.get(), 1);
  AwaitCall();
  EXPECT_EQ(ring.UsedIndex(), 2);

  Send(Request::kGetVringBase, Raw(VringState{0, 0}));
  const std::string base = Receive();
  ASSERT_EQ(base.size(), sizeof(VringState));
  VringState state;
  std::memcpy(&state, base.data(), sizeof(state));
  EXPECT_EQ(state.value, 2u);
  StopLoop();
  EXPECT_FALSE(device_.running(0));
}

TEST_F(BackendTest, RefusesBadRequestsAndGoesOn) {
  Negotiate();
  ASSERT_EQ(Acknowledged(Request::kSetMemoryTable, MemoryTable(memory_.size()), {memory_.fd()}), 0u);
  const VringAddress kOutside{0, 0, 0x1000, 0x2000, 0x3000, 0};
  const struct {
    const char* name;
    Request request;
    std::string payload;
    std::vector<int> fds;
  } kCases[] = {
      {"unknown request", static_cast<Request>(99), "12345678", {}},
      {"feature that was not offered", Request::kSetFeatures, Raw(uint64_t{1} << 26), {}},
      {"short payload", Request::kSetVringSize, "1", {}},
      {"no such queue", Request::kSetVringSize, Raw(VringState{2, 8}), {}},
      {"huge queue", Request::kSetVringSize, Raw(VringState{0, 70000}), {}},
      {"no such queue's address", Request::kSetVringAddress, Raw(VringAddress{7, 0, 0, 0, 0, 0}), {}},
      {"kick without its descriptor", Request::kSetVringKick, Raw(uint64_t{0}), {}},
      {"kick of no queue", Request::kSetVringKick, Raw(uint64_t{255}), {kick_.get()}},
      {"memory without descriptors", Request::kSetMemoryTable, MemoryTable(4096), {}},
      {"memory beyond its file", Request::kSetMemoryTable, MemoryTable(1 << 20), {memory_.fd()}},
      {"memory that is an eventfd", Request::kSetMemoryTable, MemoryTable(4096), {kick_.get()}},
      {"nine regions", Request::kSetMemoryTable, Raw(MemoryTableHeader{9, 0}), {memory_.fd()}},
      {"long configuration", Request::kGetConfig, Raw(ConfigHeader{0, 4096, 0}), {}},
  };
  for (const auto& c : kCases) EXPECT_EQ(Acknowledged(c.request, c.payload, c.fds), 1u) << c.name;

  EXPECT_EQ(Acknowledged(Request::kSetVringSize, Raw(VringState{0, 8})), 0u);
  EXPECT_EQ(Acknowledged(Request::kSetVringAddress, Raw(kOutside)), 0u);
  EXPECT_EQ(Acknowledged(Request::kSetVringKick, Raw(uint64_t{0}), {kick_.get()}), 0u);
  // Only now all parts are known, and they do not fit the memory.
  EXPECT_EQ(Acknowledged(Request::kSetVringEnable, Raw(VringState{0, 1})), 1u);
}

TEST_F(BackendTest, ClosesWhenAnErrorCannotBeAcknowledged) {
  Send(Request::kSetVringSize, Raw(VringState{9, 8}));
  EXPECT_EQ(Receive(), "");
  StopLoop();
  EXPECT_TRUE(closed_);
}

TEST_F(BackendTest, StopsItsQueuesWhenTheFrontEndGoes) {
  Negotiate();
  TestRing ring(&memory_, TestMemory::kBase, 8);
  ASSERT_EQ(Acknowledged(Request::kSetMemoryTable, MemoryTable(memory_.size()), {memory_.fd()}), 0u);
  SetUpRing(1, ring);
  ASSERT_EQ(Acknowledged(Request::kSetVringEnable, Raw(VringState{1, 1})), 0u);
  ::shutdown(front_.get(), SHUT_WR);
  EXPECT_EQ(Receive(), "");
  StopLoop();
  EXPECT_TRUE(closed_);
  EXPECT_FALSE(device_.running(1));
}

// Random messages on a fresh connection each: it may close, it must not crash or hang.
TEST(BackendFuzzTest, SurvivesRandomMessages) {
  std::mt19937_64 random(7);
  TestMemory memory(64 << 10);
  const UniqueFd event(::eventfd(0, EFD_CLOEXEC));
  auto loop = *EventLoop::Create();
  Thread thread = *Thread::Start("loop", [&] { loop->Run(); });
  for (int connection = 0; connection < 1500; ++connection) {
    EchoDevice device;
    std::unique_ptr<Backend> backend;
    auto pair = *SocketPair();
    loop->Post([&] { backend = *Backend::Create(loop.get(), std::move(pair.first), &device, [] {}); });
    for (int i = 0; i < 40; ++i) {
      std::string payload;
      const uint64_t user = TestMemory::kUserBase + (random() % memory.size() & ~uint64_t{15});
      switch (random() % 5) {
        case 0:
          payload =
              Raw(VringState{static_cast<uint32_t>(random() % 3), static_cast<uint32_t>(random() % 20)});
          break;
        case 1:
          payload = Raw(VringAddress{static_cast<uint32_t>(random() % 3), 0, user, user, user, 0});
          break;
        case 2:
          payload = Raw(MemoryTableHeader{1, 0}) +
                    Raw(MemoryTableRegion{TestMemory::kBase, memory.size(), TestMemory::kUserBase, 0});
          break;
        case 3:
          payload = Raw(uint64_t{random() % 3});
          break;
        default:
          payload.resize(random() % 300, 'r');
      }
      std::vector<int> fds;
      if (random() % 2 == 0) fds.push_back(random() % 2 == 0 ? memory.fd() : event.get());
      const auto request = static_cast<uint32_t>(random() % 27);
      if (!SendWithFds(pair.second.get(), RawMessage(request, kVersion | kFlagNeedReply, payload), fds))
        break;
    }
    ::shutdown(pair.second.get(), SHUT_WR);
    std::array<char, 4096> drain;
    while (::recv(pair.second.get(), drain.data(), drain.size(), 0) > 0) {
    }
    UniqueFd done(::eventfd(0, EFD_CLOEXEC));
    loop->Post([&] {
      backend.reset();
      ::eventfd_write(done.get(), 1);
    });
    eventfd_t value;
    ASSERT_EQ(::eventfd_read(done.get(), &value), 0);
  }
  loop->Stop();
}

}  // namespace
}  // namespace cc::vmm::vhost_user
