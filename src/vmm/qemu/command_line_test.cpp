// SPDX-License-Identifier: Apache-2.0
#include "vmm/qemu/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/strings.h"

namespace cc::vmm::qemu {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

VmSpec Spec(std::string arch) {
  VmSpec spec;
  spec.id = "pod-1";
  spec.arch = std::move(arch);
  spec.vcpus = 2;
  spec.memory_mib = 384;
  spec.kernel = "/boot/guest,1";
  spec.initramfs = "/boot/initramfs";
  spec.cmdline = {"quiet", "agent.log=debug"};
  return spec;
}

const Launch kTcg{.accel = Accel::kTcg, .tick_khz = 2400000, .qmp_fd = 3, .vsock_fd = 4};
const Launch kKvm{.accel = Accel::kKvm, .qmp_fd = 3, .vsock_fd = 4};

// The value behind an option that occurs once.
std::string Value(const std::vector<std::string>& argv, const std::string& option) {
  EXPECT_EQ(std::count(argv.begin(), argv.end(), option), 1) << option;
  const auto found = std::find(argv.begin(), argv.end(), option);
  return found == argv.end() || found + 1 == argv.end() ? "" : *(found + 1);
}

TEST(CommandLineTest, EmulatedX86) {
  const auto argv = BuildCommandLine(Spec("x86_64"), kTcg);
  EXPECT_EQ(argv[0], "qemu-system-x86_64");
  EXPECT_EQ(Value(argv, "-accel"), "tcg,thread=multi");
  EXPECT_EQ(Value(argv, "-machine"), "microvm,memory-backend=ram,dump-guest-core=off");
  EXPECT_EQ(Value(argv, "-cpu"), "max,erms=off,fsrm=off");
  EXPECT_EQ(Value(argv, "-smp"), "2");
  EXPECT_EQ(Value(argv, "-m"), "384M");
  EXPECT_EQ(Value(argv, "-object"), "memory-backend-memfd,id=ram,size=384M,share=on,seal=on");
  EXPECT_EQ(Value(argv, "-kernel"), "/boot/guest,1");
  EXPECT_EQ(Value(argv, "-initrd"), "/boot/initramfs");
}

TEST(CommandLineTest, EmulatedArm) {
  const auto argv = BuildCommandLine(Spec("aarch64"), kTcg);
  EXPECT_EQ(argv[0], "qemu-system-aarch64");
  EXPECT_EQ(Value(argv, "-machine"), "virt,gic-version=3,memory-backend=ram,dump-guest-core=off");
  EXPECT_EQ(Value(argv, "-cpu"), "cortex-a57");
}

TEST(CommandLineTest, KvmUsesTheHostsProcessor) {
  for (const char* arch : {"x86_64", "aarch64"}) {
    const auto argv = BuildCommandLine(Spec(arch), kKvm);
    EXPECT_EQ(Value(argv, "-accel"), "kvm");
    EXPECT_EQ(Value(argv, "-cpu"), "host");
  }
}

TEST(CommandLineTest, HasNothingThatWasNotAskedFor) {
  for (const char* arch : {"x86_64", "aarch64"}) {
    const auto argv = BuildCommandLine(Spec(arch), kTcg);
    for (const char* option : {"-nodefaults", "-no-user-config", "-no-reboot"}) {
      EXPECT_EQ(std::count(argv.begin(), argv.end(), option), 1) << option;
    }
    EXPECT_EQ(Value(argv, "-display"), "none");
    EXPECT_EQ(Value(argv, "-sandbox"),
              "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny");
    EXPECT_EQ(Value(argv, "-device"), "vhost-user-vsock-device,chardev=vsock");
    EXPECT_EQ(Value(argv, "-mon"), "chardev=qmp,mode=control");
    for (const std::string& word : argv) {
      EXPECT_THAT(word, Not(HasSubstr("path="))) << "sockets are inherited, none has a name";
      EXPECT_THAT(word, Not(HasSubstr("tcp:")));
    }
  }
}

TEST(CommandLineTest, TheConsoleGoesWhereItIsWanted) {
  Launch launch = kTcg;
  EXPECT_THAT(StrJoin(BuildCommandLine(Spec("x86_64"), launch), " "), HasSubstr("-chardev null,id=console"));
  launch.console = true;
  EXPECT_THAT(StrJoin(BuildCommandLine(Spec("x86_64"), launch), " "), HasSubstr("-chardev stdio,id=console"));
}

TEST(CommandLineTest, AnIdCannotAddOptions) {
  VmSpec spec = Spec("x86_64");
  spec.id = "a,debug-threads=on";
  EXPECT_EQ(Value(BuildCommandLine(spec, kTcg), "-name"), "guest=a,,debug-threads=on");
}

TEST(CommandLineTest, AConfiguredBinaryIsUsed) {
  VmSpec spec = Spec("aarch64");
  spec.binary = "/opt/qemu";
  EXPECT_EQ(BuildCommandLine(spec, kTcg)[0], "/opt/qemu");
}

TEST(KernelParametersTest, EmulatedX86GetsItsClockRate) {
  const std::string parameters = KernelParameters(Spec("x86_64"), kTcg);
  EXPECT_THAT(parameters, HasSubstr("console=ttyS0"));
  EXPECT_THAT(parameters, HasSubstr("tsc_early_khz=2400000"));
  EXPECT_TRUE(parameters.ends_with(" quiet agent.log=debug")) << parameters;
}

TEST(KernelParametersTest, OthersDoNot) {
  EXPECT_THAT(KernelParameters(Spec("x86_64"), kKvm), Not(HasSubstr("tsc_early_khz")));
  EXPECT_THAT(KernelParameters(Spec("x86_64"), kKvm), Not(HasSubstr("mitigations")));
  const std::string arm = KernelParameters(Spec("aarch64"), kTcg);
  EXPECT_THAT(arm, HasSubstr("console=ttyAMA0"));
  EXPECT_THAT(arm, Not(HasSubstr("tsc_early_khz")));
}

TEST(KernelParametersTest, APanicEndsTheVm) {
  for (const char* arch : {"x86_64", "aarch64"}) {
    EXPECT_THAT(KernelParameters(Spec(arch), kTcg), HasSubstr("panic=-1"));
  }
}

}  // namespace
}  // namespace cc::vmm::qemu
