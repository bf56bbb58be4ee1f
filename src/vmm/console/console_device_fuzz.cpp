// SPDX-License-Identifier: Apache-2.0
#include "vmm/console/console_device.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <array>

#include "vmm/virtio/fuzz_driver.h"

namespace cc::fuzz {

using vmm::virtio::FuzzDriver;
using vmm::virtio::FuzzScript;
using vmm::virtio::kNext;

Target MakeTarget() {
  ::signal(SIGPIPE, SIG_IGN);
  return {.seeds = {FuzzScript()
                        .Put(FuzzDriver::kData, "hello\n")
                        .Describe(1, 0, FuzzDriver::kData, 3, kNext, 1)
                        .Describe(1, 1, FuzzDriver::kData + 3, 3, 0)
                        .Offer(1, 0)
                        .Kick(1)
                        .Host("\x01")
                        .RunLoop()
                        .Bytes(),
                    // More than the pipe takes: the rest waits.
                    FuzzScript()
                        .Describe(1, 0, FuzzDriver::kData, 100'000, 0)
                        .Offer(1, 0)
                        .Kick(1)
                        .RunLoop()
                        .Host("\x01")
                        .RunLoop()
                        .Restart(1)
                        .Bytes()},
          .run = [](std::string_view input) {
            const auto loop = *EventLoop::Create();
            std::array<int, 2> pipe;
            Check(::pipe2(pipe.data(), O_CLOEXEC | O_NONBLOCK) == 0, "a pipe");
            UniqueFd reader(pipe[0]);
            vmm::ConsoleDevice device(loop.get(), UniqueFd(pipe[1]));
            FuzzDriver driver(&device, loop.get(), [&](Bytes& bytes) {
              std::array<char, 4096> text;
              const uint8_t what = bytes.Byte();
              if (what == 0) reader.reset();
              if (reader && ::read(reader.get(), text.data(), what * size_t{16}) < 0) return;
            });
            driver.Run(input);
          }};
}

}  // namespace cc::fuzz
