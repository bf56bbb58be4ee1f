// SPDX-License-Identifier: Apache-2.0
#include "shim/guest_spec.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "agent_proto/names.h"
#include "base/file.h"
#include "base/status.h"
#include "base/strings.h"

namespace cc::shim {
namespace {

constexpr char kBundleAnnotation[] = "io.katacontainers.pkg.oci.bundle_path";
constexpr char kTypeAnnotation[] = "io.katacontainers.pkg.oci.container_type";
constexpr char kTerminationAnnotation[] = "io.kubernetes.container.terminationMessagePath";
constexpr char kCriTypeAnnotation[] = "io.kubernetes.cri.container-type";

// Returns whether the container joins the PID namespace of its pod (a path on the host says so).
bool CleanNamespaces(grpc::Linux* linux) {
  bool joins_pod = false;
  google::protobuf::RepeatedPtrField<grpc::LinuxNamespace> kept;
  for (grpc::LinuxNamespace& ns : *linux->mutable_namespaces()) {
    // The guest is one network and cgroup namespace; a time namespace is the VM itself.
    if (ns.type() == "network" || ns.type() == "cgroup" || ns.type() == "time") continue;
    // The agent always adds this one; with two of them upstream's agent (4.1.0) cannot exec.
    if (ns.type() == "pid") {
      joins_pod = joins_pod || !ns.path().empty();
      continue;
    }
    ns.clear_path();
    *kept.Add() = std::move(ns);
  }
  linux->mutable_namespaces()->Swap(&kept);
  return joins_pod;
}

void CleanLabels(grpc::Spec& spec) {
  spec.mutable_linux()->clear_mountlabel();
  spec.mutable_linux()->clear_intelrdt();
  spec.mutable_process()->clear_selinuxlabel();
  spec.mutable_process()->clear_apparmorprofile();
}

void DropHooks(grpc::Spec& spec, std::vector<std::string>& dropped) {
  const grpc::Hooks& hooks = spec.hooks();
  for (const auto* list : {&hooks.prestart(), &hooks.poststart(), &hooks.poststop(), &hooks.createruntime(),
                           &hooks.createcontainer(), &hooks.startcontainer()}) {
    for (const grpc::Hook& hook : *list) dropped.push_back(StrCat("hook ", hook.path()));
  }
  spec.clear_hooks();
}

struct DeviceNumber {
  int64_t major;
  int64_t minor;
};
// The same numbers on every kernel, with the guest's own device behind them.
constexpr std::array<DeviceNumber, 2> kGuestDevices = {{{10, 229}, {10, 200}}};  // fuse, net/tun
// null, zero, full, random, urandom, tty, console, ptmx: every container has them.
constexpr std::array<DeviceNumber, 8> kUsualDevices = {
    {{1, 3}, {1, 5}, {1, 7}, {1, 8}, {1, 9}, {5, 0}, {5, 1}, {5, 2}}};

bool IsAmong(const auto& numbers, const grpc::LinuxDevice& device) {
  return (device.type() == "c" || device.type() == "u") &&
         std::any_of(numbers.begin(), numbers.end(), [&](const DeviceNumber& number) {
           return number.major == device.major() && number.minor == device.minor();
         });
}

// A pod that asks for a device must not start without it. `ctr run --privileged` names all of the host's,
// wanted or not, so there they are left out.
absl::Status TakeDevices(const GuestContainerInput& input, grpc::Linux* linux,
                         std::vector<std::string>& dropped) {
  google::protobuf::RepeatedPtrField<grpc::LinuxDevice> kept;
  for (grpc::LinuxDevice& device : *linux->mutable_devices()) {
    if (IsAmong(kUsualDevices, device)) continue;
    if (IsAmong(kGuestDevices, device)) {
      *kept.Add() = std::move(device);
    } else if (input.grouping.kind == ContainerKind::kSingle) {
      dropped.push_back(StrCat("device ", device.path()));
    } else {
      return absl::InvalidArgumentError(StrCat(
          "device ", device.path(), " (", device.type(), " ", device.major(), ":", device.minor(),
          ") is the host's, which a confidential guest cannot use; remove it from the pod, or, for "
          "privileged "
          "pods, set privileged_without_host_devices = true for the runtime in containerd's configuration"));
    }
  }
  linux->mutable_devices()->Swap(&kept);
  return absl::OkStatus();
}

// The agent finds the termination message by the annotation, which containerd does not pass on by itself.
absl::StatusOr<GuestMounts> TakeMounts(const GuestContainerInput& input, grpc::Spec& spec) {
  auto& annotations = *spec.mutable_annotations();
  const auto named = annotations.find(kTerminationAnnotation);
  CC_ASSIGN_OR_RETURN(
      GuestMounts mounts,
      TranslateMounts({.container_id = input.id,
                       .copy_tag = input.copy_tag,
                       .termination_path = named == annotations.end() ? std::string() : named->second},
                      spec.mutable_mounts()));
  if (mounts.termination_log.has_value()) {
    annotations[kTerminationAnnotation] = mounts.termination_log->destination;
  }
  return mounts;
}

void AddKataAnnotations(const GuestContainerInput& input, grpc::Spec& spec) {
  auto& annotations = *spec.mutable_annotations();
  annotations[kBundleAnnotation] = input.bundle;
  annotations[kTypeAnnotation] =
      input.grouping.kind == ContainerKind::kMember ? "pod_container" : "pod_sandbox";
}

// The agent tells a sandbox from a workload by the metadata alone, so a container of no pod is said to be
// one.
void AddImage(const GuestContainerInput& input, const grpc::Spec& spec, const std::string& rootfs,
              grpc::CreateContainerRequest& request) {
  nlohmann::json metadata = nlohmann::json::object();
  for (const auto& [key, value] : spec.annotations()) metadata[key] = value;
  if (input.grouping.kind == ContainerKind::kSingle) metadata[kCriTypeAnnotation] = "container";
  const nlohmann::json options{{"metadata", metadata}};
  grpc::Storage* storage = request.add_storages();
  storage->set_driver(std::string(agent_proto::kGuestPullDriver));
  storage->add_driver_options(StrCat(agent_proto::kGuestPullDriver, "=",
                                     options.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)));
  storage->set_source(input.image);
  storage->set_fstype("overlay");
  storage->set_mount_point(rootfs);
}

}  // namespace

void PruneResources(grpc::LinuxResources* resources) {
  resources->clear_devices();
  resources->clear_blockio();
  resources->clear_network();
  if (resources->has_cpu()) {
    resources->mutable_cpu()->clear_cpus();
    resources->mutable_cpu()->clear_mems();
  }
}

absl::StatusOr<GuestContainer> MakeGuestContainer(grpc::Spec spec, const GuestContainerInput& input) {
  GuestContainer result;
  const std::string rootfs = StrCat(agent_proto::kContainerBase, "/", input.id, "/rootfs");
  spec.mutable_root()->set_path(rootfs);
  DropHooks(spec, result.dropped);
  CC_RETURN_IF_ERROR(TakeDevices(input, spec.mutable_linux(), result.dropped));
  result.request.set_sandbox_pidns(CleanNamespaces(spec.mutable_linux()));
  CleanLabels(spec);
  PruneResources(spec.mutable_linux()->mutable_resources());
  CC_ASSIGN_OR_RETURN(GuestMounts mounts, TakeMounts(input, spec));
  AddKataAnnotations(input, spec);
  AddImage(input, spec, rootfs, result.request);
  for (grpc::Storage& storage : mounts.storages) *result.request.add_storages() = std::move(storage);
  result.copies = std::move(mounts.copies);
  result.termination_log = std::move(mounts.termination_log);
  result.request.set_container_id(input.id);
  result.request.set_exec_id(input.id);
  *result.request.mutable_oci() = std::move(spec);
  return result;
}

absl::Status RefuseHostNetwork() {
  return absl::FailedPreconditionError(
      "the pod asks for the host's network (hostNetwork: true), which a virtual machine cannot share; use a "
      "pod network, or another runtime class for this pod");
}

absl::StatusOr<std::string> NetworkNamespaceOf(const grpc::Spec& spec, ContainerKind kind) {
  // Docker's path of a namespace that it will set up after Create: that of the task's process.
  constexpr std::string_view kNotYet = "/proc/0/ns/net";
  for (const grpc::LinuxNamespace& ns : spec.linux().namespaces()) {
    if (ns.type() == "network") return ns.path() == kNotYet ? std::string() : ns.path();
  }
  if (kind == ContainerKind::kSandbox) return RefuseHostNetwork();
  return std::string();
}

std::vector<std::string> ResolverLines(const grpc::Spec& spec) {
  constexpr size_t kMaxFile = 16 << 10;
  std::vector<std::string> lines;
  for (const grpc::Mount& mount : spec.mounts()) {
    if (mount.destination() != "/etc/resolv.conf") continue;
    absl::StatusOr<std::string> text = ReadFile(mount.source(), kMaxFile);
    if (!text.ok()) continue;
    for (std::string_view line : StrSplit(*text, '\n')) {
      if (!StrTrim(line).empty() && line[0] != '#') lines.emplace_back(line);
    }
  }
  return lines;
}

}  // namespace cc::shim
