// SPDX-License-Identifier: Apache-2.0
#include "shim/guest_spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "shim/oci_spec.h"

namespace cc::shim {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

grpc::Spec Parse(const std::string& json) {
  absl::StatusOr<grpc::Spec> spec = ParseSpec(json);
  EXPECT_TRUE(spec.ok()) << spec.status();
  return *spec;
}

GuestContainerInput Input(ContainerKind kind = ContainerKind::kSingle) {
  return {.id = "c1",
          .bundle = "/b",
          .image = "r/i:1",
          .grouping = {.kind = kind, .sandbox_id = "c1"},
          .copy_tag = "tag"};
}

TEST(GuestSpecTest, DropsWhatBelongsToTheHost) {
  absl::StatusOr<GuestContainer> guest =
      MakeGuestContainer(Parse(R"({"process":{"args":["x"],"selinuxLabel":"s","apparmorProfile":"a"},
                "root":{"path":"rootfs"},"hooks":{"poststop":[{"path":"/hook"}]},
                "linux":{"mountLabel":"m","namespaces":[{"type":"ipc","path":"/p"},{"type":"network"},{"type":"cgroup"},
                {"type":"mount"}],"devices":[{"path":"/dev/vda","type":"b","major":254},
                {"path":"/dev/null","type":"c","major":1,"minor":3}],
                "resources":{"devices":[{"allow":false}],"pids":{"limit":3},"cpu":{"shares":7,"cpus":"0"},
                "memory":{"limit":9}},"seccomp":{"defaultAction":"SCMP_ACT_ALLOW"}}})"),
                         Input());
  ASSERT_TRUE(guest.ok()) << guest.status();
  const grpc::Spec& spec = guest->request.oci();
  EXPECT_EQ(spec.root().path(), "/run/kata-containers/c1/rootfs");
  EXPECT_FALSE(spec.has_hooks());
  EXPECT_THAT(guest->dropped, ElementsAre("hook /hook", "device /dev/vda"));
  ASSERT_EQ(spec.linux().namespaces_size(), 2);
  EXPECT_EQ(spec.linux().namespaces(0).type(), "ipc");
  EXPECT_EQ(spec.linux().namespaces(0).path(), "");
  EXPECT_EQ(spec.linux().namespaces(1).type(), "mount");
  EXPECT_EQ(spec.linux().resources().devices_size(), 0);
  EXPECT_EQ(spec.linux().resources().pids().limit(), 3) << "a guest has process tables of its own";
  EXPECT_EQ(spec.linux().resources().cpu().cpus(), "");
  EXPECT_EQ(spec.linux().resources().cpu().shares(), 7u);
  EXPECT_EQ(spec.linux().resources().memory().limit(), 9);
  EXPECT_TRUE(spec.linux().has_seccomp()) << "the guest enforces it";
  EXPECT_EQ(spec.process().selinuxlabel() + spec.process().apparmorprofile() + spec.linux().mountlabel(), "");
}

TEST(GuestSpecTest, DevicesOfAPodAreTheGuestsOwnOrRefused) {
  const auto make = [](const std::string& device) {
    return MakeGuestContainer(Parse(R"({"process":{},"linux":{"devices":[)" + device + "]}}"),
                              Input(ContainerKind::kMember));
  };
  absl::StatusOr<GuestContainer> fuse = make(R"({"path":"/dev/fuse","type":"c","major":10,"minor":229})");
  ASSERT_TRUE(fuse.ok()) << fuse.status();
  EXPECT_EQ(fuse->request.oci().linux().devices(0).path(), "/dev/fuse");
  for (const char* device : {R"({"path":"/dev/sda","type":"b","major":8,"minor":0})",
                             R"({"path":"/dev/x","type":"b","major":10,"minor":229})",
                             R"({"path":"/dev/kvm","type":"c","major":10,"minor":232})"}) {
    const absl::Status status = make(device).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << device;
    EXPECT_THAT(status.ToString(), HasSubstr("privileged_without_host_devices"));
  }
}

TEST(GuestSpecTest, TheNetworkIsThatOfThePathOrANewOne) {
  const auto path_of = [](const std::string& network) {
    return NetworkNamespaceOf(Parse(R"({"process":{},"linux":{"namespaces":[)" + network + "]}}"),
                              ContainerKind::kSingle);
  };
  EXPECT_EQ(*path_of(R"({"type":"network","path":"/run/netns/a"})"), "/run/netns/a");
  EXPECT_EQ(*path_of(R"({"type":"network"})"), "");
  EXPECT_EQ(*path_of(R"({"type":"network","path":"/proc/0/ns/net"})"), "") << "Docker sets it up later";
  EXPECT_EQ(*path_of(""), "");
}

TEST(GuestSpecTest, PidNamespaceIsAFlagOfTheRequest) {
  for (const auto& [name_space, shared] :
       {std::pair(R"({"type":"pid"})", false), std::pair(R"({"type":"pid","path":"/proc/7/ns/pid"})", true),
        std::pair(R"({"type":"mount"})", false)}) {
    absl::StatusOr<GuestContainer> guest = MakeGuestContainer(
        Parse(std::string(R"({"process":{},"linux":{"namespaces":[)") + name_space + "]}}"), Input());
    ASSERT_TRUE(guest.ok()) << guest.status();
    EXPECT_EQ(guest->request.sandbox_pidns(), shared) << name_space;
    for (const grpc::LinuxNamespace& ns : guest->request.oci().linux().namespaces()) {
      EXPECT_NE(ns.type(), "pid") << "the agent adds it";
    }
  }
}

TEST(GuestSpecTest, RootfsIsAnImageThatTheGuestPulls) {
  absl::StatusOr<GuestContainer> guest = MakeGuestContainer(
      Parse(R"({"process":{},"annotations":{"io.kubernetes.cri.sandbox-name":"p"}})"), Input());
  ASSERT_TRUE(guest.ok());
  EXPECT_EQ(guest->request.container_id(), "c1");
  EXPECT_EQ(guest->request.exec_id(), "c1");
  ASSERT_EQ(guest->request.storages_size(), 1);
  const grpc::Storage& storage = guest->request.storages(0);
  EXPECT_EQ(storage.driver(), "image_guest_pull");
  EXPECT_EQ(storage.source(), "r/i:1");
  EXPECT_EQ(storage.fstype(), "overlay");
  EXPECT_EQ(storage.mount_point(), "/run/kata-containers/c1/rootfs");
  const std::string& option = storage.driver_options(0);
  ASSERT_TRUE(option.starts_with("image_guest_pull="));
  const auto json = nlohmann::json::parse(option.substr(option.find('=') + 1));
  EXPECT_EQ(json["metadata"]["io.kubernetes.cri.sandbox-name"], "p");
  EXPECT_EQ(json["metadata"]["io.kubernetes.cri.container-type"], "container");
}

TEST(GuestSpecTest, AnnotationsTellTheContainersPlace) {
  for (const auto& [kind, expected] :
       {std::pair(ContainerKind::kSingle, "pod_sandbox"), std::pair(ContainerKind::kSandbox, "pod_sandbox"),
        std::pair(ContainerKind::kMember, "pod_container")}) {
    absl::StatusOr<GuestContainer> guest = MakeGuestContainer(Parse(R"({"process":{}})"), Input(kind));
    ASSERT_TRUE(guest.ok());
    const auto& annotations = guest->request.oci().annotations();
    EXPECT_EQ(annotations.at("io.katacontainers.pkg.oci.bundle_path"), "/b");
    EXPECT_EQ(annotations.at("io.katacontainers.pkg.oci.container_type"), expected);
  }
}

TEST(GuestSpecTest, TerminationMessageIsNamedToTheAgent) {
  absl::StatusOr<TempDir> dir = TempDir::Create("/tmp/cc-shim-spec");
  ASSERT_TRUE(dir.ok());
  const std::string file = dir->path() + "/log";
  ASSERT_TRUE(WriteFileAtomic(file, "").ok());
  const std::string mount = R"({"type":"bind","source":")" + file + R"(","destination":")";
  absl::StatusOr<GuestContainer> guest = MakeGuestContainer(
      Parse(R"({"process":{"args":["x"]},"mounts":[)" + mount + R"(/dev/termination-log"}]})"), Input());
  ASSERT_TRUE(guest.ok()) << guest.status();
  ASSERT_TRUE(guest->termination_log.has_value());
  EXPECT_EQ(guest->termination_log->host_path, file);
  const char kAnnotation[] = "io.kubernetes.container.terminationMessagePath";
  EXPECT_EQ(guest->request.oci().annotations().at(kAnnotation), "/dev/termination-log");
  guest =
      MakeGuestContainer(Parse(R"({"process":{"args":["x"]},"mounts":[)" + mount + R"(/etc/x"}]})"), Input());
  ASSERT_TRUE(guest.ok()) << guest.status();
  EXPECT_FALSE(guest->termination_log.has_value());
  EXPECT_FALSE(guest->request.oci().annotations().contains(kAnnotation));
}

TEST(GuestSpecTest, ResolverLinesComeFromThePodsFile) {
  absl::StatusOr<TempDir> dir = TempDir::Create("/tmp/cc-shim-spec");
  ASSERT_TRUE(dir.ok());
  ASSERT_TRUE(WriteFileAtomic(dir->path() + "/resolv", "# comment\nnameserver 10.0.0.1\n\nsearch x\n").ok());
  grpc::Spec spec;
  spec.add_mounts()->set_source(dir->path() + "/resolv");
  spec.mutable_mounts(0)->set_destination("/etc/resolv.conf");
  EXPECT_THAT(ResolverLines(spec), ElementsAre("nameserver 10.0.0.1", "search x"));
  EXPECT_TRUE(ResolverLines(grpc::Spec()).empty());
}

}  // namespace
}  // namespace cc::shim
