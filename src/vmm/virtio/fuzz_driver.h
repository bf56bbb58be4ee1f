// SPDX-License-Identifier: Apache-2.0
// For fuzz targets: a driver that does to a device what the input says. Any device can be given to it; what
// happens on the host's side of that device is for the target to add.
#ifndef CC_VMM_VIRTIO_FUZZ_DRIVER_H_
#define CC_VMM_VIRTIO_FUZZ_DRIVER_H_

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/event_loop.h"
#include "base/fuzz.h"
#include "vmm/virtio/device.h"
#include "vmm/virtio/test_driver.h"

namespace cc::vmm::virtio {

// The steps of a driver as bytes, for seeds. Addresses are offsets into the guest's memory.
class FuzzScript {
 public:
  enum Step : uint8_t {
    kDescribe,
    kPut,
    kOffer,
    kKick,
    kRunLoop,
    kRestart,
    kFeatures,
    kIndex,
    kHost,
    kSteps
  };

  FuzzScript& Describe(uint8_t queue, uint8_t index, uint32_t offset, uint32_t length, uint16_t flags,
                       uint8_t next = 0) {
    return Add(kDescribe).Number(queue).Number(index).Number(offset).Number(length).Number(flags).Number(
        next);
  }
  FuzzScript& Put(uint32_t offset, std::string_view bytes) {
    Add(kPut).Number(offset).Number(static_cast<uint8_t>(bytes.size()));
    bytes_ += bytes;
    return *this;
  }
  FuzzScript& Offer(uint8_t queue, uint8_t head) { return Add(kOffer).Number(queue).Number(head); }
  FuzzScript& Kick(uint8_t queue) { return Add(kKick).Number(queue); }
  FuzzScript& RunLoop() { return Add(kRunLoop); }
  FuzzScript& Restart(uint8_t queue) { return Add(kRestart).Number(queue); }
  FuzzScript& Features(uint64_t features) { return Add(kFeatures).Number(features); }
  // A step of the host's side: the target reads the bytes as it likes.
  FuzzScript& Host(std::string_view bytes) {
    Add(kHost);
    bytes_ += bytes;
    return *this;
  }
  std::string Bytes() const { return bytes_; }

 private:
  FuzzScript& Add(Step step) { return Number(static_cast<uint8_t>(step)); }
  template <typename Value>
  FuzzScript& Number(Value value) {
    // SAFETY: the object representation of a number.
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof(value));
    return *this;
  }
  std::string bytes_;
};

class FuzzDriver {
 public:
  static constexpr uint16_t kRingSize = 16;
  static constexpr size_t kMemory = 256 << 10;
  static constexpr uint32_t kRingSpace = 0x1000;  // of each queue, from the start of memory on
  static constexpr uint32_t kData = 0x8000;       // seeds put their data from here on

  // `host` does one step of the host's side.
  FuzzDriver(Device* device, EventLoop* loop, std::function<void(fuzz::Bytes&)> host = {})
      : device_(device), loop_(loop), host_(std::move(host)) {
    for (size_t i = 0; i < device->QueueCount(); ++i) {
      rings_.emplace_back(&memory_, TestMemory::kBase + kRingSpace * i, kRingSize);
    }
    for (size_t i = 0; i < rings_.size(); ++i) Start(i);
  }
  // Devices want their queues stopped before they go.
  ~FuzzDriver() {
    for (size_t i = 0; i < rings_.size(); ++i) device_->StopQueue(i);
    device_->Reset();
    loop_->RunReady();
  }

  void Run(std::string_view input) {
    fuzz::Bytes bytes(input);
    while (!bytes.empty()) Step(bytes);
    loop_->RunReady();
  }

 private:
  void Step(fuzz::Bytes& bytes) {
    switch (bytes.Byte() % FuzzScript::kSteps) {
      case FuzzScript::kDescribe: {
        TestRing& ring = Ring(bytes);
        const size_t index = bytes.Byte() % kRingSize;
        const uint64_t address = TestMemory::kBase + bytes.Get<uint32_t>();
        const auto length = bytes.Get<uint32_t>();
        const auto flags = bytes.Get<uint16_t>();
        return ring.Describe(index, address, length, flags, bytes.Byte());
      }
      case FuzzScript::kPut: {
        const uint64_t at = bytes.Below(kMemory - 256);
        return memory_.PutText(TestMemory::kBase + at, bytes.Take(bytes.Byte()));
      }
      case FuzzScript::kOffer: {
        TestRing& ring = Ring(bytes);
        return ring.Offer(bytes.Byte());
      }
      case FuzzScript::kKick:
        return device_->Kick(bytes.Byte() % rings_.size());
      case FuzzScript::kRestart: {
        const size_t index = bytes.Byte() % rings_.size();
        device_->StopQueue(index);
        return Start(index);
      }
      case FuzzScript::kFeatures: {
        for (size_t i = 0; i < rings_.size(); ++i) device_->StopQueue(i);
        device_->Reset();
        device_->SetFeatures(bytes.Get<uint64_t>() & device_->DeviceFeatures());
        for (size_t i = 0; i < rings_.size(); ++i) Start(i);
        return;
      }
      case FuzzScript::kIndex: {
        TestRing& ring = Ring(bytes);
        ring.SetAvailableIndex(bytes.Get<uint16_t>());
        ring.SetUsedEvent(bytes.Get<uint16_t>());
        return;
      }
      case FuzzScript::kHost:
        if (host_) host_(bytes);
        return;
      default:
        loop_->RunReady();
    }
  }
  TestRing& Ring(fuzz::Bytes& bytes) { return rings_[bytes.Byte() % rings_.size()]; }
  void Start(size_t index) {
    absl::StatusOr<Virtqueue> queue = rings_[index].Open({.indirect = true, .event_index = true});
    if (queue.ok()) device_->StartQueue(index, *std::move(queue), [] {});
  }

  Device* const device_;
  EventLoop* const loop_;
  const std::function<void(fuzz::Bytes&)> host_;
  TestMemory memory_{kMemory};
  std::vector<TestRing> rings_;
};

}  // namespace cc::vmm::virtio

#endif  // CC_VMM_VIRTIO_FUZZ_DRIVER_H_
