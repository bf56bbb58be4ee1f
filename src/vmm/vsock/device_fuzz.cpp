// SPDX-License-Identifier: Apache-2.0
#include "vmm/vsock/device.h"

#include <fcntl.h>
#include <sys/socket.h>

#include "base/file.h"
#include "base/socket.h"
#include "vmm/virtio/fuzz_driver.h"
#include "vmm/vsock/packet.h"

namespace cc::fuzz {

using vmm::virtio::FuzzDriver;
using vmm::virtio::FuzzScript;
using vmm::virtio::kWrite;

namespace {

constexpr uint64_t kGuestCid = 3;
constexpr uint32_t kHostPort = 1234;

enum HostStep : uint8_t { kConnect, kTalk, kHangUp, kAccept };

std::string Packet(vmm::vsock::Operation operation, uint32_t guest_port, uint32_t host_port,
                   std::string_view payload) {
  const vmm::vsock::HeaderBytes header = vmm::vsock::Encode({.source_cid = kGuestCid,
                                                             .target_cid = vmm::vsock::kHostCid,
                                                             .source_port = guest_port,
                                                             .target_port = host_port,
                                                             .length = static_cast<uint32_t>(payload.size()),
                                                             .operation = operation,
                                                             .buffer_size = 64 << 10});
  std::string bytes(header.size(), '\0');
  std::memcpy(bytes.data(), header.data(), header.size());
  return bytes.append(payload);
}

// A guest with two receive buffers that sends `packets`.
FuzzScript Guest(const std::vector<std::string>& packets) {
  FuzzScript script;
  for (uint8_t i = 0; i < 2; ++i) {
    script.Describe(0, i, FuzzDriver::kData + 0x4000U * (i + 1U), 4096, kWrite).Offer(0, i);
  }
  script.Kick(0);
  for (const std::string& packet : packets) {
    script.Put(FuzzDriver::kData, packet)
        .Describe(1, 0, FuzzDriver::kData, static_cast<uint32_t>(packet.size()), 0)
        .Offer(1, 0)
        .Kick(1)
        .RunLoop();
  }
  return script;
}

std::string Host(HostStep step) { return std::string(1, static_cast<char>(step)); }

}  // namespace

Target MakeTarget() {
  using vmm::vsock::Operation;
  using vmm::vsock::VsockDevice;
  Target target;
  const std::vector<std::string> whole_life = {
      Packet(Operation::kRequest, 7, kHostPort, ""), Packet(Operation::kData, 7, kHostPort, "hello"),
      Packet(Operation::kCreditRequest, 7, kHostPort, ""), Packet(Operation::kShutdown, 7, kHostPort, ""),
      Packet(Operation::kReset, 7, kHostPort, "")};
  target.seeds = {Guest(whole_life).Host(Host(kAccept)).RunLoop().Host(Host(kTalk)).RunLoop().Bytes(),
                  // The host connects to the guest's port 1024; its own ports start at 1 << 30.
                  Guest({})
                      .Host(Host(kConnect))
                      .RunLoop()
                      .Put(FuzzDriver::kData, Packet(Operation::kResponse, 1024, 1U << 30, ""))
                      .Describe(1, 0, FuzzDriver::kData, vmm::vsock::kHeaderSize, 0)
                      .Offer(1, 0)
                      .Kick(1)
                      .Host(Host(kTalk))
                      .RunLoop()
                      .Host(Host(kHangUp))
                      .RunLoop()
                      .Bytes()};
  const auto directory = std::make_shared<TempDir>(*TempDir::Create("/tmp/vsock-fuzz"));
  target.run = [directory](std::string_view input) {
    const std::string path = directory->path() + "/v";
    const auto loop = *EventLoop::Create();
    const UniqueFd listener = *ListenUnix(vmm::vsock::PortPath(path, kHostPort));
    ::fcntl(listener.get(), F_SETFL, O_NONBLOCK);
    std::vector<UniqueFd> sockets;
    int connects = 0;
    const auto device = *VsockDevice::Create(loop.get(), kGuestCid, path);
    FuzzDriver driver(device.get(), loop.get(), [&](Bytes& bytes) {
      switch (bytes.Byte() % 4) {
        case kConnect:
          // Not more than the listener's queue takes while the loop does not run: that would block here.
          if (++connects > 40) return;
          if (auto client = ConnectUnix(path); client.ok()) {
            SendFull(client->get(), "CONNECT 1024\n").IgnoreError();
            sockets.push_back(*std::move(client));
          }
          return;
        case kTalk:
          for (const UniqueFd& socket : sockets) {
            std::array<char, 2048> buffer{};
            if (::recv(socket.get(), buffer.data(), buffer.size(), MSG_DONTWAIT) >= 0) continue;
            if (::send(socket.get(), buffer.data(), buffer.size(), MSG_DONTWAIT | MSG_NOSIGNAL) < 0) continue;
          }
          return;
        case kHangUp:
          if (!sockets.empty()) sockets.pop_back();
          return;
        default: {
          UniqueFd accepted(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
          if (accepted && sockets.size() < 20) sockets.push_back(std::move(accepted));
        }
      }
    });
    driver.Run(input);
    Check(device->connections() <= VsockDevice::kMaxConnections, "the number of connections has a limit");
  };
  return target;
}

}  // namespace cc::fuzz
