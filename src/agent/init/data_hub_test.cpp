// SPDX-License-Identifier: Apache-2.0
// A shell stands for the data hub: its script gets the option that names the pipe as $0.
#include "agent/init/data_hub.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "agent/run/latch.h"
#include "base/file.h"
#include "base/unique_fd.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cc::agent {
namespace {

using initdata::Binding;

class DataHubTest : public ::testing::Test {
 protected:
  void SetUp() override { Reaper::BlockSignals(); }
  absl::StatusOr<Binding> VerdictOf(const std::string& script) {
    DataHub hub("/bin/sh", {"-c", script}, "/tmp/no-data-hub", &reaper_);
    return hub.StartForVerdict();
  }
  Reaper reaper_;
};

TEST_F(DataHubTest, VerdictArrives) {
  EXPECT_EQ(*VerdictOf("[ $0 = --initdata_verdict=3 ] && echo bound >&3"), Binding::kBound);
  EXPECT_EQ(*VerdictOf("echo no-tee >&3"), Binding::kNoTee);
}

TEST_F(DataHubTest, VerdictArrivesWhileTheDataHubGoesOn) {
  const TempDir dir = *TempDir::Create("/tmp/cc-data-hub-");
  const std::string fifo = dir.path() + "/end";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  const UniqueFd ends_it = *OpenFile(fifo, O_RDWR);
  EXPECT_EQ(*VerdictOf("echo bound >&3; exec 3>&-; read line <" + fifo), Binding::kBound);
}

TEST_F(DataHubTest, ReasonOfARefusalArrives) {
  const absl::StatusOr<Binding> verdict = VerdictOf("echo refused not the one >&3; exit 1");
  EXPECT_EQ(verdict.status(), absl::PermissionDeniedError("not the one"));
}

TEST_F(DataHubTest, EndWithoutAVerdictIsARefusal) {
  EXPECT_EQ(VerdictOf("exit 0").status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(VerdictOf("printf bound >&3").status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(VerdictOf("kill -9 $$").status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(DataHubTest, MissingProgramIsARefusal) {
  DataHub hub("/nonexistent/cc-datahub", {}, "/tmp/no-data-hub", &reaper_);
  EXPECT_THAT(hub.StartForVerdict().status().ToString(), ::testing::HasSubstr("/nonexistent/cc-datahub"));
}

TEST_F(DataHubTest, OneThatKeepsEndingIsGivenUpWithItsLastWords) {
  const TempDir dir = *TempDir::Create("/tmp/cc-data-hub-");
  const std::string socket = dir.path() + "/hub.sock";
  DataHub hub("/bin/sh", {"-c", "echo no such key > " + socket + ".error; exit 1"}, socket, &reaper_);
  const std::shared_ptr<Latch> stop = *Latch::Create();
  std::thread waiting([&] {
    while (!ReadFile(socket + ".failed", 4096).ok()) ::usleep(1000);
    stop->Set();
  });
  hub.Start();
  EXPECT_TRUE(reaper_.Run(stop->fd()).ok());
  waiting.join();
  EXPECT_THAT(*ReadFile(socket + ".failed", 4096),
              ::testing::AllOf(::testing::HasSubstr("keeps ending"), ::testing::HasSubstr("no such key")));
}

}  // namespace
}  // namespace cc::agent
