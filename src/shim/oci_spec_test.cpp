// SPDX-License-Identifier: Apache-2.0
#include "shim/oci_spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cc::shim {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kSpec[] = R"({
  "ociVersion": "1.0.2",
  "process": {
    "terminal": true, "consoleSize": {"height": 24, "width": 80},
    "user": {"uid": 1000, "gid": 100, "additionalGids": [10, 20]},
    "args": ["sh", "-c", "true"], "env": ["A=b"], "cwd": "/w",
    "capabilities": {"bounding": ["CAP_KILL"], "effective": ["CAP_KILL"], "permitted": ["CAP_KILL"]},
    "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 512}],
    "noNewPrivileges": true, "oomScoreAdj": -998, "apparmorProfile": "p"
  },
  "root": {"path": "rootfs", "readonly": true},
  "hostname": "h",
  "mounts": [{"destination": "/proc", "type": "proc", "source": "proc", "options": ["nosuid"]}],
  "hooks": {"prestart": [{"path": "/h", "args": ["h"], "timeout": 3}]},
  "annotations": {"k": "v"},
  "linux": {
    "uidMappings": [{"containerID": 0, "hostID": 1000, "size": 1}],
    "sysctl": {"net.ipv4.ip_forward": "1"},
    "cgroupsPath": "/default/c", "rootfsPropagation": "rslave",
    "namespaces": [{"type": "pid"}, {"type": "network", "path": "/proc/1/ns/net"}],
    "devices": [{"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229, "fileMode": 438, "uid": 1, "gid": 2}],
    "resources": {
      "devices": [{"allow": false, "access": "rwm"}, {"allow": true, "type": "c", "major": 1, "minor": 3, "access": "rw"}],
      "memory": {"limit": 1048576, "swap": -1, "disableOOMKiller": true},
      "cpu": {"shares": 512, "quota": 20000, "period": 100000, "cpus": "0-1"},
      "pids": {"limit": 99},
      "hugepageLimits": [{"pageSize": "2MB", "limit": 4096}]
    },
    "seccomp": {"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_X86_64"], "syscalls": [
      {"names": ["read"], "action": "SCMP_ACT_ALLOW", "errnoRet": 1,
       "args": [{"index": 0, "value": 18446744073709551615, "op": "SCMP_CMP_EQ"}]}]},
    "maskedPaths": ["/proc/kcore"], "readonlyPaths": ["/proc/sys"]
  }
})";

TEST(OciSpecTest, EveryFieldArrives) {
  absl::StatusOr<grpc::Spec> spec = ParseSpec(kSpec);
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(spec->version(), "1.0.2");
  const grpc::Process& process = spec->process();
  EXPECT_TRUE(process.terminal());
  EXPECT_EQ(process.consolesize().width(), 80u);
  EXPECT_EQ(process.user().uid(), 1000u);
  EXPECT_THAT(process.user().additionalgids(), ElementsAre(10u, 20u));
  EXPECT_THAT(process.args(), ElementsAre("sh", "-c", "true"));
  EXPECT_THAT(process.capabilities().bounding(), ElementsAre("CAP_KILL"));
  EXPECT_EQ(process.rlimits(0).soft(), 512u);
  EXPECT_TRUE(process.nonewprivileges());
  EXPECT_EQ(process.oomscoreadj(), -998);
  EXPECT_TRUE(spec->root().readonly());
  EXPECT_EQ(spec->mounts(0).options(0), "nosuid");
  EXPECT_EQ(spec->hooks().prestart(0).timeout(), 3);
  EXPECT_EQ(spec->annotations().at("k"), "v");
  const grpc::Linux& linux = spec->linux();
  EXPECT_EQ(linux.uidmappings(0).hostid(), 1000u);
  EXPECT_EQ(linux.sysctl().at("net.ipv4.ip_forward"), "1");
  EXPECT_EQ(linux.namespaces(1).path(), "/proc/1/ns/net");
  EXPECT_EQ(linux.devices(0).filemode(), 438u);
  EXPECT_EQ(linux.resources().devices(0).major(), -1) << "absent means all";
  EXPECT_EQ(linux.resources().devices(1).minor(), 3);
  EXPECT_EQ(linux.resources().memory().swap(), -1);
  EXPECT_EQ(linux.resources().cpu().shares(), 512u);
  EXPECT_EQ(linux.resources().pids().limit(), 99);
  EXPECT_EQ(linux.resources().hugepagelimits(0).pagesize(), "2MB");
  EXPECT_EQ(linux.seccomp().syscalls(0).args(0).value(), 18446744073709551615ULL);
  EXPECT_EQ(linux.seccomp().syscalls(0).errnoret(), 1u);
  EXPECT_THAT(linux.maskedpaths(), ElementsAre("/proc/kcore"));
}

TEST(OciSpecTest, BadInputIsNamed) {
  struct Case {
    const char* text;
    const char* expected;
  };
  for (const Case& c :
       std::initializer_list<Case>{{"", "JSON"},
                                   {"[]", "object"},
                                   {"{}", "process"},
                                   {R"({"process":{"args":"sh"}})", "process.args"},
                                   {R"({"process":{"user":{"uid":-1}}})", "user.uid"},
                                   {R"({"process":{},"mounts":[1]})", "mounts"},
                                   {R"({"process":{},"linux":{"sysctl":{"a":1}}})", "sysctl"}}) {
    absl::StatusOr<grpc::Spec> spec = ParseSpec(c.text);
    EXPECT_EQ(spec.status().code(), absl::StatusCode::kInvalidArgument) << c.text;
    EXPECT_THAT(spec.status().ToString(), HasSubstr(c.expected)) << c.text;
  }
}

TEST(OciSpecTest, ExecNeedsAProgram) {
  EXPECT_TRUE(ParseProcess(R"({"args":["true"],"cwd":"/"})").ok());
  EXPECT_FALSE(ParseProcess(R"({"args":[]})").ok());
  EXPECT_FALSE(ParseProcess("garbage").ok());
}

TEST(OciSpecTest, ResourcesForUpdate) {
  absl::StatusOr<grpc::LinuxResources> resources = ParseResources(R"({"memory":{"limit":5}})");
  ASSERT_TRUE(resources.ok());
  EXPECT_EQ(resources->memory().limit(), 5);
  EXPECT_FALSE(resources->has_cpu());
}

}  // namespace
}  // namespace cc::shim
