// SPDX-License-Identifier: Apache-2.0
#include "shim/bundle.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include "base/file.h"
#include "base/process.h"

namespace cc::shim {
namespace {

TEST(BundleTest, GroupsByAnnotationsOfContainerdAndCriO) {
  struct Case {
    Annotations annotations;
    ContainerKind kind;
    const char* sandbox;
  };
  for (const Case& c : std::initializer_list<Case>{
           {{}, ContainerKind::kSingle, "me"},
           {{{"io.kubernetes.cri.container-type", "sandbox"}, {"io.kubernetes.cri.sandbox-id", "me"}},
            ContainerKind::kSandbox,
            "me"},
           {{{"io.kubernetes.cri.container-type", "container"}, {"io.kubernetes.cri.sandbox-id", "pod"}},
            ContainerKind::kMember,
            "pod"},
           {{{"io.kubernetes.cri-o.ContainerType", "container"}, {"io.kubernetes.cri-o.SandboxID", "pod"}},
            ContainerKind::kMember,
            "pod"},
           {{{"io.kubernetes.cri.container-type", "container"}}, ContainerKind::kSingle, "me"}}) {
    const Grouping grouping = GroupingOf("me", c.annotations);
    EXPECT_EQ(grouping.kind, c.kind);
    EXPECT_EQ(grouping.sandbox_id, c.sandbox);
  }
}

TEST(BundleTest, MissingSpecificationNamesTheFile) {
  absl::StatusOr<std::string> text = ReadSpecText("/nonexistent-bundle");
  EXPECT_EQ(text.status().code(), absl::StatusCode::kNotFound);
  EXPECT_NE(text.status().ToString().find("/nonexistent-bundle/config.json"), std::string::npos);
}

TEST(BundleTest, RecordRoundTripsAndGarbageIsRefused) {
  absl::StatusOr<TempDir> dir = TempDir::Create("/tmp/cc-shim-bundle");
  ASSERT_TRUE(dir.ok());
  SandboxRecord record{
      .shim = {.pid = 12, .start_ticks = 34}, .vm = {.pid = 56, .start_ticks = 78}, .state_dir = "/s"};
  ASSERT_TRUE(record.Save(dir->path()).ok());
  absl::StatusOr<SandboxRecord> loaded = SandboxRecord::Load(dir->path());
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->shim.pid, 12);
  EXPECT_EQ(loaded->vm.start_ticks, 78u);
  EXPECT_EQ(loaded->state_dir, "/s");
  ASSERT_TRUE(WriteFileAtomic(dir->path() + "/kata-cc.json", "{\"vm_pid\":\"x\"}").ok());
  EXPECT_FALSE(SandboxRecord::Load(dir->path()).ok());
}

TEST(BundleTest, KillsTheProcessItMeansAndNoOther) {
  absl::StatusOr<Child> child = Spawn({.argv = {"/bin/sleep", "1000"}});
  ASSERT_TRUE(child.ok());
  absl::StatusOr<ProcessId> id = ProcessId::Of(child->pid());
  ASSERT_TRUE(id.ok());
  ProcessId recycled = *id;
  recycled.start_ticks += 1;
  EXPECT_TRUE(recycled.Kill().ok());
  EXPECT_EQ(child->Wait(std::chrono::milliseconds(0)).status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_TRUE(id->Kill().ok());
  absl::StatusOr<ExitState> exit = child->Wait();
  ASSERT_TRUE(exit.ok());
  EXPECT_EQ(exit->signal, SIGKILL);
  EXPECT_TRUE(id->Kill().ok()) << "a process that has ended is no error";
}

TEST(BundleTest, DirectoryNamesAreShortAndDistinct) {
  const std::string id(64, 'a');
  EXPECT_LE(SandboxDirName("k8s.io", id).size(), 32u);
  EXPECT_NE(SandboxDirName("k8s.io", id), SandboxDirName("default", id));
}

}  // namespace
}  // namespace cc::shim
