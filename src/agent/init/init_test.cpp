// SPDX-License-Identifier: Apache-2.0
// Parsers of what the guest image and the kernel command line say.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "agent/init/attestation_report.h"
#include "agent/init/kernel_params.h"
#include "agent/init/modules.h"
#include "agent/init/standard_streams.h"
#include "base/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cc::agent {
namespace {

TEST(ParseModuleList, ReadsPathsAndParameters) {
  auto list = ParseModuleList("# vsock first\n\n/m/vsock.ko\n  /m/dummy.ko  numdummies=2 x=y  # why\n");
  ASSERT_TRUE(list.ok()) << list.status();
  ASSERT_EQ(list->size(), 2U);
  EXPECT_EQ((*list)[0].path, "/m/vsock.ko");
  EXPECT_EQ((*list)[0].parameters, "");
  EXPECT_EQ((*list)[1].path, "/m/dummy.ko");
  EXPECT_EQ((*list)[1].parameters, "numdummies=2 x=y");
  EXPECT_TRUE(ParseModuleList("")->empty());
}

TEST(ParseModuleList, ReadsForWhichDeviceAModuleIs) {
  auto list = ParseModuleList("/m/a.ko\nvirtio:1 /m/net.ko napi=1\n");
  ASSERT_TRUE(list.ok()) << list.status();
  EXPECT_EQ((*list)[0].virtio_type, 0U);
  EXPECT_EQ((*list)[1].virtio_type, 1U);
  EXPECT_EQ((*list)[1].path, "/m/net.ko");
  EXPECT_EQ((*list)[1].parameters, "napi=1");
  for (const char* text : {"virtio:", "virtio:1", "virtio:0 /m/a.ko", "virtio:x /m/a.ko", "virtio:1 a.ko"}) {
    EXPECT_EQ(ParseModuleList(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

TEST(VirtioTypes, ReadsWhatTheBusDriversFound) {
  auto dir = TempDir::Create("virtio-types");
  const std::filesystem::path devices = dir->path() + "/bus/virtio/devices";
  EXPECT_TRUE(VirtioTypes(dir->path()).empty());
  std::filesystem::create_directories(devices / "virtio0");
  std::filesystem::create_directories(devices / "virtio1");
  ASSERT_TRUE(WriteFileAtomic(devices / "virtio0/device", "0x0013\n").ok());
  ASSERT_TRUE(WriteFileAtomic(devices / "virtio1/device", "0x0001\n").ok());
  EXPECT_EQ(VirtioTypes(dir->path()), (std::set<uint32_t>{1, 19}));
}

TEST(ParseModuleList, RefusesRelativePaths) {
  for (const char* text : {"vsock.ko", "/ok.ko\nvsock", "./x.ko"}) {
    EXPECT_EQ(ParseModuleList(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

TEST(ReadModuleList, IsEmptyWithoutAFile) {
  auto list = ReadModuleList("/nonexistent/realm-modules");
  ASSERT_TRUE(list.ok()) << list.status();
  EXPECT_TRUE(list->empty());
}

TEST(InRealm, IsWhatTheKernelsDeviceSays) {
  EXPECT_TRUE(InRealm("/proc/self"));
  EXPECT_FALSE(InRealm("/nonexistent/arm-cca-dev"));
}

TEST(OfferAttestationReports, NamesAModuleThatIsMissing) {
  const std::string list = ::testing::TempDir() + "/realm-modules";
  ASSERT_TRUE(WriteFileAtomic(list, "/nonexistent/tsm_report.ko\n").ok());
  EXPECT_THAT(OfferAttestationReports(list).ToString(), ::testing::HasSubstr("/nonexistent/tsm_report.ko"));
}

TEST(StandardStreams, NothingElseTakesTheirNumbers) {
  auto dir = TempDir::Create("standard-streams");
  const std::string console = dir->path() + "/console";
  ASSERT_TRUE(WriteFileAtomic(console, "").ok());
  const pid_t child = ::fork();
  if (child == 0) {
    for (const int fd : {0, 1, 2}) ::close(fd);
    const StandardStreams streams;
    if (::open("/", O_RDONLY) <= 2) ::_exit(1);
    if (::write(2, "x", 1) >= 0) ::_exit(2);  // it leads nowhere yet
    streams.Connect(console.c_str());
    ::_exit(::write(2, "the log", 7) == 7 && ::read(0, nullptr, 0) == 0 ? 0 : 3);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(*ReadFile(console, 100), "the log");
}

TEST(StandardStreams, OpenOnesStay) {
  struct stat before {
  }, after{};
  ASSERT_EQ(::fstat(1, &before), 0);
  StandardStreams().Connect("/nonexistent/console");
  ASSERT_EQ(::fstat(1, &after), 0);
  EXPECT_EQ(before.st_ino, after.st_ino);
}

TEST(ParseKernelParams, ReadsWhatIsTheAgents) {
  auto params =
      ParseKernelParams("console=ttyS0 quiet agent.log=debug agent.image_pull_timeout=5 other=agent.log\n");
  ASSERT_TRUE(params.ok()) << params.status();
  EXPECT_TRUE(params->debug_log);
  EXPECT_EQ(params->image_pull_timeout, std::chrono::seconds(5));
  EXPECT_TRUE(params->start_data_hub);
  EXPECT_FALSE(ParseKernelParams("agent.guest_components_procs=none")->start_data_hub);
  EXPECT_EQ(ParseKernelParams("")->image_pull_timeout, std::chrono::seconds(1200));
}

TEST(ParseKernelParams, RefusesBadTimeouts) {
  for (const char* value : {"", "0", "-1", "1s", "999999999", "99999999999999999999"}) {
    EXPECT_FALSE(ParseKernelParams(std::string("agent.image_pull_timeout=") + value).ok()) << value;
  }
}

}  // namespace
}  // namespace cc::agent
