// SPDX-License-Identifier: Apache-2.0
#include "agent/oci/spec_policy.h"

#include <functional>

#include "gtest/gtest.h"

namespace cc::agent {
namespace {

const SpecContext kContext{.container_id = "c1",
                           .base = "/run/kata-containers",
                           .rootfs = "/run/kata-containers/c1/rootfs",
                           .shared_pidns = {}};

grpc::Spec Valid() {
  grpc::Spec spec;
  spec.mutable_process()->add_args("sh");
  return spec;
}

void AddMount(grpc::Spec& spec, const std::string& type, const std::string& source,
              const std::string& option = "") {
  grpc::Mount* mount = spec.add_mounts();
  mount->set_destination("/d");
  mount->set_type(type);
  mount->set_source(source);
  if (!option.empty()) mount->add_options(option);
}

void AddDevice(grpc::Spec& spec, const std::string& type, int64_t major, int64_t minor) {
  grpc::LinuxDevice* device = spec.mutable_linux()->add_devices();
  device->set_path("/dev/x");
  device->set_type(type);
  device->set_major(major);
  device->set_minor(minor);
}

TEST(ConfineSpec, RefusesWhatTheHostMustNotAskFor) {
  struct Case {
    const char* name;
    std::function<void(grpc::Spec&)> change;
    absl::StatusCode want;
  };
  using enum absl::StatusCode;
  const std::vector<Case> cases = {
      {"no process", [](grpc::Spec& s) { s.clear_process(); }, kInvalidArgument},
      {"prestart hook", [](grpc::Spec& s) { s.mutable_hooks()->add_prestart(); }, kPermissionDenied},
      {"createRuntime hook", [](grpc::Spec& s) { s.mutable_hooks()->add_createruntime(); },
       kPermissionDenied},
      {"startContainer hook", [](grpc::Spec& s) { s.mutable_hooks()->add_startcontainer(); },
       kPermissionDenied},
      {"poststop hook", [](grpc::Spec& s) { s.mutable_hooks()->add_poststop(); }, kPermissionDenied},
      {"unknown namespace", [](grpc::Spec& s) { s.mutable_linux()->add_namespaces()->set_type("x"); },
       kInvalidArgument},
      {"disk", [](grpc::Spec& s) { AddDevice(s, "b", 8, 0); }, kPermissionDenied},
      {"block device with the number of null", [](grpc::Spec& s) { AddDevice(s, "b", 1, 3); },
       kPermissionDenied},
      {"/dev/mem", [](grpc::Spec& s) { AddDevice(s, "c", 1, 1); }, kPermissionDenied},
      {"console", [](grpc::Spec& s) { AddDevice(s, "c", 5, 1); }, kPermissionDenied},
      {"bind of /etc", [](grpc::Spec& s) { AddMount(s, "bind", "/etc"); }, kPermissionDenied},
      {"bind by option", [](grpc::Spec& s) { AddMount(s, "tmpfs", "/etc", "rbind"); }, kPermissionDenied},
      {"bind of another bundle", [](grpc::Spec& s) { AddMount(s, "bind", "/run/kata-containers/c2/rootfs"); },
       kPermissionDenied},
      {"bind of the image store",
       [](grpc::Spec& s) { AddMount(s, "bind", "/run/kata-containers/image/layers"); }, kPermissionDenied},
      {"bind of the agent's files",
       [](grpc::Spec& s) { AddMount(s, "bind", "/run/kata-containers/.agent/crun"); }, kPermissionDenied},
      {"bind with dots", [](grpc::Spec& s) { AddMount(s, "bind", "/run/kata-containers/shared/../c2"); },
       kPermissionDenied},
      {"bind of the shared directory itself",
       [](grpc::Spec& s) { AddMount(s, "bind", "/run/kata-containers/shared"); }, kPermissionDenied},
      {"ext4", [](grpc::Spec& s) { AddMount(s, "ext4", "/dev/vda"); }, kPermissionDenied},
      {"overlay", [](grpc::Spec& s) { AddMount(s, "overlay", "overlay"); }, kPermissionDenied},
      {"no type", [](grpc::Spec& s) { AddMount(s, "", "x"); }, kPermissionDenied},
      {"relative destination",
       [](grpc::Spec& s) {
         AddMount(s, "tmpfs", "x");
         s.mutable_mounts(0)->set_destination("d");
       },
       kInvalidArgument},
      {"root mapped to another user",
       [](grpc::Spec& s) {
         s.mutable_linux()->add_namespaces()->set_type("user");
         grpc::LinuxIDMapping* mapping = s.mutable_linux()->add_uidmappings();
         mapping->set_hostid(1000);
         mapping->set_size(10);
       },
       kInvalidArgument},
      {"kernel sysctl",
       [](grpc::Spec& s) { (*s.mutable_linux()->mutable_sysctl())["kernel.core_pattern"] = "|x"; },
       kPermissionDenied},
      {"sysctl with slash",
       [](grpc::Spec& s) { (*s.mutable_linux()->mutable_sysctl())["net./../kernel"] = "1"; },
       kPermissionDenied},
      {"sysctl with dots",
       [](grpc::Spec& s) { (*s.mutable_linux()->mutable_sysctl())["net...kernel.x"] = "1"; },
       kPermissionDenied},
  };
  for (const Case& c : cases) {
    grpc::Spec spec = Valid();
    c.change(spec);
    EXPECT_EQ(ConfineSpec(kContext, &spec).status().code(), c.want) << c.name;
  }
}

TEST(ConfineSpec, SetsNamespacesAndCgroup) {
  grpc::Spec spec = Valid();
  spec.set_hostname("h");
  spec.mutable_linux()->set_cgroupspath("/../../escape");
  for (const char* type : {"network", "ipc", "uts", "pid", "mount", "cgroup"}) {
    grpc::LinuxNamespace* ns = spec.mutable_linux()->add_namespaces();
    ns->set_type(type);
    ns->set_path("/proc/1/ns/any");
  }
  ASSERT_TRUE(ConfineSpec(kContext, &spec).ok());
  std::map<std::string, std::string> namespaces;
  for (const grpc::LinuxNamespace& ns : spec.linux().namespaces()) namespaces[ns.type()] = ns.path();
  EXPECT_EQ(namespaces, (std::map<std::string, std::string>{{"mount", ""}, {"cgroup", ""}, {"pid", ""}}));
  EXPECT_EQ(spec.linux().cgroupspath(), "/kata-cc/c1");
  EXPECT_EQ(spec.hostname(), "");
  EXPECT_EQ(spec.root().path(), "/run/kata-containers/c1/rootfs");
}

TEST(ConfineSpec, JoinsTheSharedPidNamespace) {
  SpecContext context = kContext;
  context.shared_pidns = "/proc/1/fd/7";
  grpc::Spec spec = Valid();
  ASSERT_TRUE(ConfineSpec(context, &spec).ok());
  EXPECT_EQ(spec.linux().namespaces(spec.linux().namespaces_size() - 1).path(), "/proc/1/fd/7");
}

TEST(ConfineSpec, IgnoresTheHostsDeviceRules) {
  grpc::Spec spec = Valid();
  grpc::LinuxDeviceCgroup* all = spec.mutable_linux()->mutable_resources()->add_devices();
  all->set_allow(true);
  all->set_access("rwm");
  AddDevice(spec, "c", 10, 229);
  ASSERT_TRUE(ConfineSpec(kContext, &spec).ok());
  ASSERT_EQ(spec.linux().resources().devices_size(), 2);
  EXPECT_FALSE(spec.linux().resources().devices(0).allow());
  EXPECT_EQ(spec.linux().resources().devices(1).minor(), 229);
}

TEST(ConfineSpec, ListsBindsAndSysctls) {
  grpc::Spec spec = Valid();
  AddMount(spec, "proc", "proc");
  AddMount(spec, "bind", "/run/kata-containers/shared/containers/x");
  AddMount(spec, "", "/run/kata-containers/sandbox/shm", "bind");
  (*spec.mutable_linux()->mutable_sysctl())["net.core.somaxconn"] = "1024";
  auto confined = ConfineSpec(kContext, &spec);
  ASSERT_TRUE(confined.ok()) << confined.status();
  EXPECT_EQ(confined->binds, (std::vector<int>{1, 2}));
  EXPECT_EQ(confined->sysctls, (std::map<std::string, std::string>{{"net.core.somaxconn", "1024"}}));
  EXPECT_TRUE(spec.linux().sysctl().empty());
}

TEST(ConfineSpec, WithoutAnImageTheRootMustBeAVolume) {
  SpecContext context = kContext;
  context.rootfs.clear();
  for (const auto& [path, ok] :
       std::vector<std::pair<std::string, bool>>{{"/run/kata-containers/shared/containers/c1/rootfs", true},
                                                 {"/", false},
                                                 {"", false},
                                                 {"/usr", false}}) {
    grpc::Spec spec = Valid();
    spec.mutable_root()->set_path(path);
    EXPECT_EQ(ConfineSpec(context, &spec).ok(), ok) << path;
  }
}

TEST(IsCleanPathBeneath, JudgesPaths) {
  for (const auto& [path, want] :
       std::vector<std::pair<std::string, bool>>{{"/a/b", true},
                                                 {"/a/b/c", true},
                                                 {"/a", false},
                                                 {"/a/", false},
                                                 {"/ab", false},
                                                 {"/a/../b", false},
                                                 {"/a/./b", false},
                                                 {"/a//b", false},
                                                 {"/a/b/", false},
                                                 {"a/b", false},
                                                 {"", false},
                                                 {std::string("/a/b\0c", 6), false}}) {
    EXPECT_EQ(IsCleanPathBeneath(path, "/a"), want) << path;
  }
}

}  // namespace
}  // namespace cc::agent
