// SPDX-License-Identifier: Apache-2.0
#include "agent/oci/spec_json.h"

#include <nlohmann/json.hpp>

#include "agent/oci/process_json.h"
#include "gtest/gtest.h"

namespace cc::agent {
namespace {

using nlohmann::json;

json Convert(const grpc::Spec& spec) { return json::parse(SpecText(spec)); }

TEST(SpecJson, CarriesTheProcess) {
  grpc::Spec spec;
  grpc::Process* process = spec.mutable_process();
  process->set_terminal(true);
  process->mutable_consolesize()->set_height(24);
  process->mutable_consolesize()->set_width(80);
  process->mutable_user()->set_uid(1000);
  process->mutable_user()->set_gid(100);
  process->mutable_user()->add_additionalgids(5);
  process->add_args("sh");
  process->add_args("");
  process->add_env("A=1");
  process->set_cwd("/work");
  process->set_nonewprivileges(true);
  process->mutable_capabilities()->add_bounding("CAP_CHOWN");
  grpc::POSIXRlimit* limit = process->add_rlimits();
  limit->set_type("RLIMIT_NOFILE");
  limit->set_hard(2048);
  limit->set_soft(1024);
  process->set_oomscoreadj(-500);
  process->set_apparmorprofile("host-profile");
  process->set_selinuxlabel("host-label");
  EXPECT_EQ(Convert(spec)["process"], json::parse(R"({
    "terminal": true, "consoleSize": {"height": 24, "width": 80},
    "user": {"uid": 1000, "gid": 100, "additionalGids": [5]},
    "args": ["sh", ""], "env": ["A=1"], "cwd": "/work", "noNewPrivileges": true,
    "capabilities": {"bounding": ["CAP_CHOWN"], "effective": [], "inheritable": [], "permitted": [], "ambient": []},
    "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 2048, "soft": 1024}], "oomScoreAdj": -500})"));
}

TEST(SpecJson, DefaultsAnAbsentWorkingDirectory) { EXPECT_EQ(Convert({})["process"]["cwd"], "/"); }

TEST(SpecJson, CarriesRootAndMounts) {
  grpc::Spec spec;
  spec.mutable_root()->set_path("/r");
  spec.mutable_root()->set_readonly(true);
  grpc::Mount* mount = spec.add_mounts();
  mount->set_destination("/d");
  mount->set_source("tmpfs");
  mount->set_type("tmpfs");
  mount->add_options("size=1m");
  const json out = Convert(spec);
  EXPECT_EQ(out["root"], json::parse(R"({"path": "/r", "readonly": true})"));
  EXPECT_EQ(
      out["mounts"],
      json::parse(R"([{"destination": "/d", "source": "tmpfs", "type": "tmpfs", "options": ["size=1m"]}])"));
}

TEST(SpecJson, LeavesHooksAndAnnotationsOut) {
  grpc::Spec spec;
  spec.mutable_hooks()->add_prestart()->set_path("/bin/evil");
  (*spec.mutable_annotations())["run.oci.handler"] = "krun";
  const json out = Convert(spec);
  EXPECT_FALSE(out.contains("hooks"));
  EXPECT_FALSE(out.contains("annotations"));
}

TEST(SpecJson, CarriesLinux) {
  grpc::Spec spec;
  grpc::Linux* in = spec.mutable_linux();
  in->set_cgroupspath("/kata-cc/a");
  in->add_namespaces()->set_type("mount");
  grpc::LinuxNamespace* pid = in->add_namespaces();
  pid->set_type("pid");
  pid->set_path("/proc/1/fd/9");
  grpc::LinuxDevice* device = in->add_devices();
  device->set_path("/dev/fuse");
  device->set_type("c");
  device->set_major(10);
  device->set_minor(229);
  device->set_filemode(0666);
  in->add_maskedpaths("/proc/kcore");
  grpc::LinuxSeccomp* seccomp = in->mutable_seccomp();
  seccomp->set_defaultaction("SCMP_ACT_ERRNO");
  grpc::LinuxSyscall* call = seccomp->add_syscalls();
  call->add_names("clone");
  call->set_action("SCMP_ACT_ALLOW");
  call->set_errnoret(38);
  grpc::LinuxSeccompArg* arg = call->add_args();
  arg->set_value(2114060288);
  arg->set_op("SCMP_CMP_MASKED_EQ");
  const json out = Convert(spec)["linux"];
  EXPECT_EQ(out["cgroupsPath"], "/kata-cc/a");
  EXPECT_EQ(out["namespaces"],
            json::parse(R"([{"type": "mount"}, {"type": "pid", "path": "/proc/1/fd/9"}])"));
  EXPECT_EQ(out["devices"][0], json::parse(R"({"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229,
                                               "uid": 0, "gid": 0, "fileMode": 438})"));
  EXPECT_EQ(out["maskedPaths"], json::parse(R"(["/proc/kcore"])"));
  EXPECT_EQ(out["seccomp"]["syscalls"][0], json::parse(R"({"names": ["clone"], "action": "SCMP_ACT_ALLOW",
    "errnoRet": 38, "args": [{"index": 0, "value": 2114060288, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}]})"));
}

TEST(SpecJson, ZeroResourcesAreAbsent) {
  grpc::LinuxResources resources;
  resources.mutable_memory();
  resources.mutable_cpu();
  resources.mutable_pids();
  EXPECT_EQ(json::parse(ResourcesText(resources)), json::object());
}

TEST(SpecJson, CarriesResourcesOfCgroupV2Only) {
  grpc::LinuxResources resources;
  resources.mutable_memory()->set_limit(1 << 20);
  resources.mutable_memory()->set_kernel(5);
  resources.mutable_memory()->set_swappiness(60);
  resources.mutable_cpu()->set_quota(-1);
  resources.mutable_cpu()->set_period(100000);
  resources.mutable_cpu()->set_realtimeruntime(7);
  resources.mutable_pids()->set_limit(100);
  resources.mutable_network()->set_classid(3);
  grpc::LinuxThrottleDevice* throttle = resources.mutable_blockio()->add_throttlereadbpsdevice();
  throttle->set_major(8);
  throttle->set_rate(1000);
  EXPECT_EQ(json::parse(ResourcesText(resources)), json::parse(R"({
    "memory": {"limit": 1048576}, "cpu": {"quota": -1, "period": 100000}, "pids": {"limit": 100},
    "blockIO": {"throttleReadBpsDevice": [{"major": 8, "minor": 0, "rate": 1000}]}})"));
}

TEST(ProcessText, SurvivesBytesThatAreNoUtf8) {
  grpc::Process process;
  process.add_args("a\xff");
  EXPECT_EQ(json::parse(ProcessText(process))["args"][0], "a\xef\xbf\xbd");
}

}  // namespace
}  // namespace cc::agent
