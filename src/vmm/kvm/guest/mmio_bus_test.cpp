// SPDX-License-Identifier: Apache-2.0
#include "vmm/kvm/guest/mmio_bus.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <string>

#include "vmm/kvm/guest/uart.h"

namespace cc::vmm::kvm {
namespace {

TEST(MmioBus, FindsTheDeviceAndNothingElse) {
  MmioBus bus;
  std::string log;
  const auto handler = [&log](char name) {
    return MmioBus::Handler{.read =
                                [&log, name](uint64_t at, std::span<std::byte> data) {
                                  log += std::string("r") + name + std::to_string(at) + " ";
                                  data[0] = std::byte{7};
                                },
                            .write =
                                [&log, name](uint64_t at, std::span<const std::byte>) {
                                  log += std::string("w") + name + std::to_string(at) + " ";
                                }};
  };
  bus.Add(0x1000, 0x1000, handler('a'));
  bus.Add(0x3000, 0x10, handler('b'));
  std::array<std::byte, 4> data{};
  bus.Read(0x1000, data);
  EXPECT_EQ(data[0], std::byte{7});
  bus.Write(0x1ffc, data);
  bus.Write(0x300c, data);
  const std::string inside = log;
  EXPECT_EQ(inside, "ra0 wa4092 wb12 ");
  for (const uint64_t outside : {0x0ull, 0xfffull, 0x1ffdull, 0x2000ull, 0x300dull, 0x3010ull, ~0ull}) {
    data.fill(std::byte{1});
    bus.Write(outside, data);
    bus.Read(outside, data);
    EXPECT_EQ(data[0], std::byte{0});
  }
  EXPECT_EQ(log, inside);
}

TEST(Uart, IsNeverBusyAndPrints) {
  std::array<int, 2> pipe;
  ASSERT_EQ(::pipe(pipe.data()), 0);
  const Uart uart(pipe[1]);
  std::array<std::byte, 4> data{};
  uart.Read(0x18, data);
  EXPECT_EQ(data[0], std::byte{0x90});
  for (const char c : std::string("hi")) {
    data = {static_cast<std::byte>(c)};
    uart.Write(0x00, data);
    uart.Write(0x30, data);
  }
  char text[8];
  EXPECT_EQ(::read(pipe[0], text, sizeof(text)), 2);
  EXPECT_EQ(std::string(text, 2), "hi");
  ::close(pipe[0]);
  ::close(pipe[1]);
  Uart(-1).Write(0, data);
}

}  // namespace
}  // namespace cc::vmm::kvm
