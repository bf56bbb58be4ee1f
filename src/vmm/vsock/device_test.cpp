// SPDX-License-Identifier: Apache-2.0
#include "vmm/vsock/device.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <string>

#include "base/file.h"
#include "base/socket.h"
#include "base/strings.h"
#include "vmm/vsock/test_guest.h"

namespace cc::vmm::vsock {
namespace {

constexpr uint32_t kHostPort = 5000;  // has a listener on the host
constexpr uint32_t kGuestPort = 40000;

// The test is the guest and the host's programs at once; the loop runs when the test says so.
class DeviceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    directory_ = *TempDir::Create("vsock-test");
    path_ = directory_->path() + "/v";
    loop_ = *EventLoop::Create();
    device_ = *VsockDevice::Create(loop_.get(), TestGuest::kCid, path_);
    listener_ = *ListenUnix(PortPath(path_, kHostPort));
    guest_.emplace(device_.get());
  }

  UniqueFd Dial(uint32_t port) {
    UniqueFd client = *ConnectUnix(path_);
    EXPECT_TRUE(SendFull(client.get(), StrCat("CONNECT ", port, "\n")).ok());
    loop_->RunReady();
    return client;
  }
  // What the host program can read now; "end" at the end of the stream, "nothing" when there is nothing.
  std::string Read(const UniqueFd& socket) {
    loop_->RunReady();
    std::array<char, 1 << 16> buffer;
    const ssize_t n = ::recv(socket.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (n == 0) return "end";
    return n < 0 ? "nothing" : std::string(buffer.data(), static_cast<size_t>(n));
  }
  // The guest's next packet must be of this kind.
  Packet Expect(Operation operation) {
    loop_->RunReady();
    const std::optional<Packet> packet = guest_->Receive();
    EXPECT_TRUE(packet.has_value());
    if (!packet.has_value()) return {};
    EXPECT_EQ(packet->header.operation, operation);
    EXPECT_EQ(packet->header.target_cid, TestGuest::kCid);
    return *packet;
  }
  void ExpectSilence() {
    loop_->RunReady();
    EXPECT_FALSE(guest_->Receive().has_value());
  }
  // A stream that the guest opened; returns the host program's end.
  UniqueFd OpenFromGuest(uint32_t guest_port = kGuestPort) {
    guest_->Send(TestGuest::Header(Operation::kRequest, guest_port, kHostPort));
    UniqueFd socket = *Accept(listener_.get());
    Expect(Operation::kResponse);
    return socket;
  }

  std::optional<TempDir> directory_;
  std::string path_;
  std::unique_ptr<EventLoop> loop_;
  std::unique_ptr<VsockDevice> device_;
  UniqueFd listener_;
  std::optional<TestGuest> guest_;
};

TEST_F(DeviceTest, ClosesClientsWhileTheDriverIsNotUp) {
  const UniqueFd client = Dial(1024);
  EXPECT_EQ(Read(client), "end");
}

TEST_F(DeviceTest, OpensAStreamOfTheHost) {
  guest_->Start();
  const UniqueFd client = Dial(1024);
  const PacketHeader request = Expect(Operation::kRequest).header;
  EXPECT_EQ(request.source_cid, kHostCid);
  EXPECT_EQ(request.target_port, 1024u);
  EXPECT_EQ(Read(client), "nothing");
  guest_->Send(TestGuest::Header(Operation::kResponse, 1024, request.source_port));
  EXPECT_EQ(Read(client), "OK 1024\n");
  guest_->Send(TestGuest::Header(Operation::kData, 1024, request.source_port), "hello");
  EXPECT_EQ(Read(client), "hello");
  ASSERT_TRUE(SendFull(client.get(), "back").ok());
  EXPECT_EQ(Expect(Operation::kData).payload, "back");
  EXPECT_GT(guest_->interrupts[TestGuest::kReceive], 0);
}

TEST_F(DeviceTest, ClosesAClientThatTheGuestRefuses) {
  guest_->Start();
  const UniqueFd client = Dial(1024);
  guest_->Send(TestGuest::Header(Operation::kReset, 1024, Expect(Operation::kRequest).header.source_port));
  EXPECT_EQ(Read(client), "end");
  EXPECT_EQ(device_->connections(), 0u);
  ExpectSilence();
}

TEST_F(DeviceTest, ConnectsTheGuestToAListenerOfTheHost) {
  guest_->Start();
  const UniqueFd socket = OpenFromGuest();
  guest_->Send(TestGuest::Header(Operation::kData, kGuestPort, kHostPort), "hi");
  EXPECT_EQ(Read(socket), "hi");
}

TEST_F(DeviceTest, ResetsWhatItDoesNotKnow) {
  guest_->Start();
  const struct {
    const char* name;
    PacketHeader header;
  } kCases[] = {
      {"no listener", TestGuest::Header(Operation::kRequest, kGuestPort, 1)},
      {"data of no stream", TestGuest::Header(Operation::kData, kGuestPort, kHostPort)},
      {"shutdown of no stream", TestGuest::Header(Operation::kShutdown, kGuestPort, kHostPort)},
      {"unknown operation", TestGuest::Header(static_cast<Operation>(77), kGuestPort, kHostPort)},
      {"another target",
       [] {
         auto h = TestGuest::Header(Operation::kRequest, 1, kHostPort);
         h.target_cid = 9;
         return h;
       }()},
      {"no stream socket",
       [] {
         auto h = TestGuest::Header(Operation::kRequest, 1, kHostPort);
         h.type = 2;
         return h;
       }()},
      {"length beyond the packet",
       [] {
         auto h = TestGuest::Header(Operation::kRequest, 1, kHostPort);
         h.length = 5;
         return h;
       }()},
      {"length beyond the limit",
       [] {
         auto h = TestGuest::Header(Operation::kRequest, 1, kHostPort);
         h.length = UINT32_MAX;
         return h;
       }()},
  };
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.name);
    guest_->Send(c.header);
    const PacketHeader reset = Expect(Operation::kReset).header;
    EXPECT_EQ(reset.source_cid, c.header.target_cid);
    EXPECT_EQ(reset.target_port, c.header.source_port);
    EXPECT_EQ(reset.type, c.header.type);
  }
  EXPECT_EQ(device_->connections(), 0u);
}

TEST_F(DeviceTest, IgnoresResetsOfNothingAndForeignSources) {
  guest_->Start();
  guest_->Send(TestGuest::Header(Operation::kReset, kGuestPort, kHostPort));
  PacketHeader foreign = TestGuest::Header(Operation::kRequest, kGuestPort, kHostPort);
  foreign.source_cid = 4;
  guest_->Send(foreign);
  ExpectSilence();
  EXPECT_EQ(device_->connections(), 0u);
}

TEST_F(DeviceTest, AnswersTheGuestsCloseAndDeliversItsData) {
  guest_->Start();
  const UniqueFd socket = OpenFromGuest();
  guest_->Send(TestGuest::Header(Operation::kData, kGuestPort, kHostPort), "last words");
  PacketHeader close = TestGuest::Header(Operation::kShutdown, kGuestPort, kHostPort);
  close.flags = kShutdownBoth;
  guest_->Send(close);
  Expect(Operation::kReset);
  EXPECT_EQ(Read(socket), "last words");
  EXPECT_EQ(Read(socket), "end");
  EXPECT_EQ(device_->connections(), 0u);
}

TEST_F(DeviceTest, TellsTheGuestOfAClosedClient) {
  guest_->Start();
  UniqueFd socket = OpenFromGuest();
  socket.reset();
  EXPECT_EQ(Expect(Operation::kShutdown).header.flags, kShutdownBoth);
  guest_->Send(TestGuest::Header(Operation::kReset, kGuestPort, kHostPort));
  EXPECT_EQ(device_->connections(), 0u);
}

TEST_F(DeviceTest, ASecondRequestForAStreamResetsIt) {
  guest_->Start();
  const UniqueFd socket = OpenFromGuest();
  guest_->Send(TestGuest::Header(Operation::kRequest, kGuestPort, kHostPort));
  Expect(Operation::kReset);
  EXPECT_EQ(Read(socket), "end");
}

TEST_F(DeviceTest, WaitsForReceiveBuffers) {
  guest_->Start(1);
  const UniqueFd socket = OpenFromGuest();
  const std::string text(20000, 'z');
  ASSERT_TRUE(SendFull(socket.get(), text).ok());
  std::string got;
  for (int i = 0; i < 100 && got.size() < text.size(); ++i) {
    loop_->RunReady();
    const std::optional<Packet> packet = guest_->Receive();
    ASSERT_TRUE(packet.has_value());
    got += packet->payload;
    device_->Kick(TestGuest::kReceive);
  }
  EXPECT_EQ(got, text);
}

TEST_F(DeviceTest, ServesStreamsInTurn) {
  guest_->Start(1);
  const UniqueFd first = OpenFromGuest(1);
  device_->Kick(TestGuest::kReceive);
  const UniqueFd second = OpenFromGuest(2);
  device_->Kick(TestGuest::kReceive);
  ASSERT_TRUE(SendFull(first.get(), std::string(50000, 'a')).ok());
  ASSERT_TRUE(SendFull(second.get(), std::string(50000, 'b')).ok());
  std::string order;
  for (int i = 0; i < 6; ++i) {
    loop_->RunReady();
    order += guest_->Receive()->payload[0];
    device_->Kick(TestGuest::kReceive);
  }
  // The first packet left before the second stream had anything.
  EXPECT_EQ(order, "aababa");
}

TEST_F(DeviceTest, KeepsStreamsWhileTheQueuesAreStopped) {
  guest_->Start();
  const UniqueFd socket = OpenFromGuest();
  std::optional<virtio::Virtqueue> receive = device_->StopQueue(TestGuest::kReceive);
  std::optional<virtio::Virtqueue> transmit = device_->StopQueue(TestGuest::kTransmit);
  ASSERT_TRUE(receive.has_value() && transmit.has_value());
  ASSERT_TRUE(SendFull(socket.get(), "while paused").ok());
  ExpectSilence();
  device_->StartQueue(TestGuest::kReceive, *std::move(receive), [] {});
  device_->StartQueue(TestGuest::kTransmit, *std::move(transmit), [] {});
  EXPECT_EQ(Expect(Operation::kData).payload, "while paused");
}

TEST_F(DeviceTest, ABrokenQueueEndsAllStreams) {
  guest_->Start();
  const UniqueFd socket = OpenFromGuest();
  guest_->transmit().Offer(999);
  device_->Kick(TestGuest::kTransmit);
  EXPECT_EQ(Read(socket), "end");
  EXPECT_EQ(Read(Dial(1024)), "end");
  EXPECT_FALSE(device_->StopQueue(TestGuest::kTransmit).has_value());
}

TEST_F(DeviceTest, LimitsTheNumberOfStreams) {
  guest_->Start();
  std::vector<UniqueFd> sockets;
  for (uint32_t i = 0; i < VsockDevice::kMaxConnections; ++i) sockets.push_back(OpenFromGuest(i + 1));
  guest_->Send(TestGuest::Header(Operation::kRequest, 60000, kHostPort));
  Expect(Operation::kReset);
  EXPECT_EQ(device_->connections(), VsockDevice::kMaxConnections);
}

TEST_F(DeviceTest, StopsTakingPacketsWhileItsAnswersFindNoRoom) {
  guest_->Start(0);  // a guest that floods and never reads
  for (int i = 0; i < 1000; ++i) {
    guest_->Send(TestGuest::Header(Operation::kData, kGuestPort, kHostPort));
  }
  EXPECT_EQ(guest_->transmit().UsedIndex(), VsockDevice::kMaxResets);
}

}  // namespace
}  // namespace cc::vmm::vsock
