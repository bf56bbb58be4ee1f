// SPDX-License-Identifier: Apache-2.0
// A guest that sends random packets in random chains, against host programs that come and go: the device must
// neither crash, nor grow, nor touch anything outside of guest memory (the sanitizer builds watch that).
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <random>

#include "base/file.h"
#include "base/socket.h"
#include "base/strings.h"
#include "vmm/vsock/test_guest.h"

namespace cc::vmm::vsock {
namespace {

constexpr int kPackets = 100000;
constexpr uint32_t kHostPort = 5000;

class Fuzzer {
 public:
  Fuzzer(std::mt19937_64& random, VsockDevice* device, std::string path, int listener)
      : random_(random), device_(device), path_(std::move(path)), listener_(listener), guest_(device) {
    guest_.Start();
  }

  void SendPacket() {
    PacketHeader header = TestGuest::Header(static_cast<Operation>(random_() % 9),
                                            static_cast<uint32_t>(random_() % 6), HostPort());
    header.flags = static_cast<uint32_t>(random_() % 5);
    header.buffer_size = Rarely() ? static_cast<uint32_t>(random_()) : 64 << 10;
    header.consumed = static_cast<uint32_t>(random_() % 3 == 0 ? random_() : 0);
    if (Rarely()) header.source_cid = random_();
    if (Rarely()) header.target_cid = random_();
    if (Rarely()) header.type = static_cast<uint16_t>(random_());
    const std::string payload(random_() % 5000, 'p');
    header.length = static_cast<uint32_t>(Rarely() ? random_() : payload.size());
    // One step in eight spoils the chain itself.
    if (random_() % 8 == 0) return SendSpoiled(header);
    guest_.Send(header, payload);
  }

  // Host programs connect, write, read and go at random; the guest takes what it got.
  void Stir() {
    switch (random_() % 8) {
      case 0:
        if (absl::StatusOr<UniqueFd> client = ConnectUnix(path_); client.ok() && sockets_.size() < 40) {
          SendFull(client->get(), StrCat("CONNECT ", random_() % 6, "\n")).IgnoreError();
          sockets_.push_back(*std::move(client));
        }
        break;
      case 1:
        if (!sockets_.empty())
          sockets_.erase(sockets_.begin() + static_cast<long>(random_() % sockets_.size()));
        break;
      case 2:
        for (const UniqueFd& socket : sockets_) ::send(socket.get(), "data", 4, MSG_DONTWAIT | MSG_NOSIGNAL);
        break;
      case 3:
        for (const UniqueFd& socket : sockets_) {
          std::array<char, 4096> buffer;
          ::recv(socket.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
        }
        break;
      case 4:
        if (const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK); fd >= 0) {
          sockets_.emplace_back(fd);
        }
        break;
      default:
        while (const std::optional<Packet> packet = guest_.Receive()) {
          ++received_;
          if (packet->header.operation == Operation::kRequest) last_host_port_ = packet->header.source_port;
        }
        device_->Kick(TestGuest::kReceive);
    }
  }
  size_t received() const { return received_; }
  bool broken() const { return broken_; }

 private:
  bool Rarely() { return random_() % 16 == 0; }
  uint32_t HostPort() { return random_() % 3 == 0 ? last_host_port_ : kHostPort; }

  // Wrong lengths and addresses in the descriptors; most of them break the queue for good.
  void SendSpoiled(const PacketHeader& header) {
    guest_.Queue(header, "payload");
    const bool mild = random_() % 64 != 0;
    const uint64_t data = virtio::TestMemory::kBase + 0x10000;
    guest_.transmit().Describe(0, data, static_cast<uint32_t>(random_() % 80), virtio::kNext, 1);
    guest_.transmit().Describe(1, mild ? data : random_(), static_cast<uint32_t>(random_() % 70000),
                               mild ? 0 : static_cast<uint16_t>(random_() % 8),
                               static_cast<uint16_t>(random_() % 20));
    broken_ = broken_ || !mild;
    device_->Kick(TestGuest::kTransmit);
  }

  std::mt19937_64& random_;
  VsockDevice* const device_;
  const std::string path_;
  const int listener_;
  TestGuest guest_;
  std::vector<UniqueFd> sockets_;
  uint32_t last_host_port_ = 0;
  size_t received_ = 0;
  bool broken_ = false;
};

TEST(VsockFuzzTest, SurvivesAHostileGuest) {
  const TempDir directory = *TempDir::Create("vsock-fuzz");
  std::mt19937_64 random(99);
  size_t received = 0, lives = 0;
  for (int sent = 0; sent < kPackets; ++lives) {
    const std::string path = directory.path() + "/v";
    auto loop = *EventLoop::Create();
    const UniqueFd listener = *ListenUnix(PortPath(path, kHostPort));
    ASSERT_EQ(::fcntl(listener.get(), F_SETFL, O_NONBLOCK), 0);
    auto device = *VsockDevice::Create(loop.get(), TestGuest::kCid, path);
    Fuzzer fuzzer(random, device.get(), path, listener.get());
    // A queue that the guest broke stays broken: then the next guest's turn.
    for (int i = 0; i < 5000 && !fuzzer.broken(); ++i, ++sent) {
      fuzzer.SendPacket();
      fuzzer.Stir();
      loop->RunReady();
      ASSERT_LE(device->connections(), VsockDevice::kMaxConnections);
    }
    received += fuzzer.received();
  }
  EXPECT_GT(received, size_t{kPackets} / 10);  // else the guest was never heard
  EXPECT_GT(lives, 20u);
}

}  // namespace
}  // namespace cc::vmm::vsock
