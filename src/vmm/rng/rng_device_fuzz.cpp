// SPDX-License-Identifier: Apache-2.0
#include "vmm/rng/rng_device.h"
#include "vmm/virtio/fuzz_driver.h"

namespace cc::fuzz {

using vmm::virtio::FuzzDriver;
using vmm::virtio::FuzzScript;
using vmm::virtio::kWrite;

Target MakeTarget() {
  return {.seeds = {FuzzScript()
                        .Describe(0, 0, FuzzDriver::kData, 64, kWrite)
                        .Offer(0, 0)
                        .Kick(0)
                        .RunLoop()
                        .Restart(0)
                        .Kick(0)
                        .Bytes()},
          .run = [](std::string_view input) {
            const auto loop = *EventLoop::Create();
            vmm::RngDevice device(loop.get());
            FuzzDriver(&device, loop.get()).Run(input);
          }};
}

}  // namespace cc::fuzz
