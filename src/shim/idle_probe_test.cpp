// SPDX-License-Identifier: Apache-2.0
// Looks at real processes. How long a look takes does not matter: what is asserted of an idle process holds
// for any time between two looks.
#include "shim/idle_probe.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <thread>

#include "base/process.h"

namespace cc::shim {
namespace {

// Much more than a process that waits needs, on whatever machine.
constexpr std::chrono::seconds kMuch{10};

Child Shell(const std::string& script) {
  absl::StatusOr<Child> child = Spawn({.argv = {"/bin/sh", "-c", script}});
  EXPECT_TRUE(child.ok()) << child.status();
  return *std::move(child);
}

TEST(IdleProbeTest, AStoppedProcessIsIdle) {
  Child child = Shell("while :; do :; done");
  IdleProbe probe(child.pid(), kMuch);
  EXPECT_FALSE(probe.IdleSinceLastLook()) << "nothing to compare with";
  ASSERT_EQ(::kill(child.pid(), SIGSTOP), 0);
  while (!probe.IdleSinceLastLook()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_TRUE(probe.IdleSinceLastLook()) << "it has run nothing since";
}

TEST(IdleProbeTest, AProcessThatComputesIsNot) {
  Child child = Shell("while :; do :; done");
  IdleProbe probe(child.pid(), std::chrono::nanoseconds(1));
  for (int i = 0; i < 20; ++i) {
    EXPECT_FALSE(probe.IdleSinceLastLook());
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

TEST(IdleProbeTest, AProcessThatIsGoneIsNotCalledIdle) {
  pid_t pid = 0;
  {
    Child child = Shell("exec sleep 1000");
    pid = child.pid();
  }
  IdleProbe probe(pid, kMuch);
  EXPECT_FALSE(probe.IdleSinceLastLook());
  EXPECT_FALSE(probe.IdleSinceLastLook());
}

}  // namespace
}  // namespace cc::shim
