// SPDX-License-Identifier: Apache-2.0
#include "agent/oci/spec_json.h"

#include <nlohmann/json.hpp>

#include "agent/oci/process_json.h"
#include "agent/oci/resources_json.h"

namespace cc::agent {
namespace {

using nlohmann::json;

// What is written here is no newer than this, whatever the host wrote; crun 1.8 refuses 1.1 and later.
constexpr char kOciVersion[] = "1.0.2";

template <typename Repeated>
json Strings(const Repeated& values) {
  json out = json::array();
  for (const std::string& value : values) out.push_back(value);
  return out;
}

json MountJson(const grpc::Mount& mount) {
  json out = {{"destination", mount.destination()}, {"source", mount.source()}};
  if (!mount.type().empty()) out["type"] = mount.type();
  if (!mount.options().empty()) out["options"] = Strings(mount.options());
  return out;
}

json DeviceJson(const grpc::LinuxDevice& device) {
  json out = {{"path", device.path()},   {"type", device.type()}, {"major", device.major()},
              {"minor", device.minor()}, {"uid", device.uid()},   {"gid", device.gid()}};
  if (device.filemode() != 0) out["fileMode"] = device.filemode();
  return out;
}

template <typename Mappings>
json MappingsJson(const Mappings& mappings) {
  json out = json::array();
  for (const grpc::LinuxIDMapping& mapping : mappings) {
    out.push_back(
        {{"hostID", mapping.hostid()}, {"containerID", mapping.containerid()}, {"size", mapping.size()}});
  }
  return out;
}

json SyscallJson(const grpc::LinuxSyscall& syscall) {
  json out = {{"names", Strings(syscall.names())}, {"action", syscall.action()}};
  if (syscall.ErrnoRet_case() == grpc::LinuxSyscall::kErrnoret) out["errnoRet"] = syscall.errnoret();
  for (const grpc::LinuxSeccompArg& arg : syscall.args()) {
    out["args"].push_back(
        {{"index", arg.index()}, {"value", arg.value()}, {"valueTwo", arg.valuetwo()}, {"op", arg.op()}});
  }
  return out;
}

json SeccompJson(const grpc::LinuxSeccomp& seccomp) {
  json out = {{"defaultAction", seccomp.defaultaction()}};
  if (!seccomp.architectures().empty()) out["architectures"] = Strings(seccomp.architectures());
  if (!seccomp.flags().empty()) out["flags"] = Strings(seccomp.flags());
  for (const grpc::LinuxSyscall& syscall : seccomp.syscalls())
    out["syscalls"].push_back(SyscallJson(syscall));
  return out;
}

json LinuxJson(const grpc::Linux& in) {
  json out = {{"cgroupsPath", in.cgroupspath()},
              {"maskedPaths", Strings(in.maskedpaths())},
              {"readonlyPaths", Strings(in.readonlypaths())}};
  for (const grpc::LinuxNamespace& ns : in.namespaces()) {
    json entry = {{"type", ns.type()}};
    if (!ns.path().empty()) entry["path"] = ns.path();
    out["namespaces"].push_back(entry);
  }
  for (const grpc::LinuxDevice& device : in.devices()) out["devices"].push_back(DeviceJson(device));
  for (const auto& [key, value] : in.sysctl()) out["sysctl"][key] = value;
  if (!in.uidmappings().empty()) out["uidMappings"] = MappingsJson(in.uidmappings());
  if (!in.gidmappings().empty()) out["gidMappings"] = MappingsJson(in.gidmappings());
  if (json resources = ResourcesJson(in.resources()); !resources.empty()) out["resources"] = resources;
  if (in.has_seccomp() && !in.seccomp().defaultaction().empty()) out["seccomp"] = SeccompJson(in.seccomp());
  if (!in.rootfspropagation().empty()) out["rootfsPropagation"] = in.rootfspropagation();
  return out;
}

}  // namespace

std::string SpecText(const grpc::Spec& spec) {
  json out = {{"ociVersion", kOciVersion},
              {"process", ProcessJson(spec.process())},
              {"root", {{"path", spec.root().path()}, {"readonly", spec.root().readonly()}}},
              {"linux", LinuxJson(spec.linux())}};
  if (!spec.hostname().empty()) out["hostname"] = spec.hostname();
  for (const grpc::Mount& mount : spec.mounts()) out["mounts"].push_back(MountJson(mount));
  return JsonText(out);
}

std::string ResourcesText(const grpc::LinuxResources& resources) {
  return JsonText(ResourcesJson(resources));
}

}  // namespace cc::agent
