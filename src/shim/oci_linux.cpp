// SPDX-License-Identifier: Apache-2.0
// The `linux` object of the specification.
#include "shim/oci_fields.h"

namespace cc::shim {
namespace {

void ConvertIdMappings(const JsonObject& in, std::string_view key,
                       google::protobuf::RepeatedPtrField<grpc::LinuxIDMapping>* out) {
  for (const JsonObject& from : in.Objects(key)) {
    grpc::LinuxIDMapping* mapping = out->Add();
    mapping->set_hostid(from.Unsigned32("hostID"));
    mapping->set_containerid(from.Unsigned32("containerID"));
    mapping->set_size(from.Unsigned32("size"));
  }
}

void ConvertDevices(const JsonObject& in, grpc::Linux* out) {
  for (const JsonObject& from : in.Objects("devices")) {
    grpc::LinuxDevice* device = out->add_devices();
    device->set_path(from.Text("path"));
    device->set_type(from.Text("type"));
    device->set_major(from.Int("major"));
    device->set_minor(from.Int("minor"));
    device->set_filemode(from.Unsigned32("fileMode"));
    device->set_uid(from.Unsigned32("uid"));
    device->set_gid(from.Unsigned32("gid"));
  }
}

void ConvertMemory(const JsonObject& in, grpc::LinuxMemory* out) {
  out->set_limit(in.Int("limit"));
  out->set_reservation(in.Int("reservation"));
  out->set_swap(in.Int("swap"));
  out->set_kernel(in.Int("kernel"));
  out->set_kerneltcp(in.Int("kernelTCP"));
  out->set_swappiness(in.Unsigned("swappiness"));
  out->set_disableoomkiller(in.Flag("disableOOMKiller"));
}

void ConvertCpu(const JsonObject& in, grpc::LinuxCPU* out) {
  out->set_shares(in.Unsigned("shares"));
  out->set_quota(in.Int("quota"));
  out->set_period(in.Unsigned("period"));
  out->set_realtimeruntime(in.Int("realtimeRuntime"));
  out->set_realtimeperiod(in.Unsigned("realtimePeriod"));
  out->set_cpus(in.Text("cpus"));
  out->set_mems(in.Text("mems"));
}

}  // namespace

void ConvertResources(const JsonObject& in, grpc::LinuxResources* out) {
  for (const JsonObject& from : in.Objects("devices")) {
    grpc::LinuxDeviceCgroup* device = out->add_devices();
    device->set_allow(from.Flag("allow"));
    device->set_type(from.Text("type"));
    // Absent means "all" in the specification and is -1 in the guest's runtime.
    device->set_major(from.Has("major") ? from.Int("major") : -1);
    device->set_minor(from.Has("minor") ? from.Int("minor") : -1);
    device->set_access(from.Text("access"));
  }
  if (in.Has("memory")) ConvertMemory(in.Object("memory"), out->mutable_memory());
  if (in.Has("cpu")) ConvertCpu(in.Object("cpu"), out->mutable_cpu());
  if (in.Has("pids")) out->mutable_pids()->set_limit(in.Object("pids").Int("limit"));
  for (const JsonObject& from : in.Objects("hugepageLimits")) {
    grpc::LinuxHugepageLimit* limit = out->add_hugepagelimits();
    limit->set_pagesize(from.Text("pageSize"));
    limit->set_limit(from.Unsigned("limit"));
  }
}

void ConvertSeccomp(const JsonObject& in, grpc::LinuxSeccomp* out) {
  out->set_defaultaction(in.Text("defaultAction"));
  AddStrings(in, "architectures", out->mutable_architectures());
  AddStrings(in, "flags", out->mutable_flags());
  for (const JsonObject& from : in.Objects("syscalls")) {
    grpc::LinuxSyscall* rule = out->add_syscalls();
    AddStrings(from, "names", rule->mutable_names());
    rule->set_action(from.Text("action"));
    if (from.Has("errnoRet")) rule->set_errnoret(from.Unsigned32("errnoRet"));
    for (const JsonObject& arg : from.Objects("args")) {
      grpc::LinuxSeccompArg* to = rule->add_args();
      to->set_index(arg.Unsigned("index"));
      to->set_value(arg.Unsigned("value"));
      to->set_valuetwo(arg.Unsigned("valueTwo"));
      to->set_op(arg.Text("op"));
    }
  }
}

void ConvertLinux(const JsonObject& in, grpc::Linux* out) {
  ConvertIdMappings(in, "uidMappings", out->mutable_uidmappings());
  ConvertIdMappings(in, "gidMappings", out->mutable_gidmappings());
  for (auto& [key, value] : in.StringMap("sysctl")) (*out->mutable_sysctl())[key] = value;
  if (in.Has("resources")) ConvertResources(in.Object("resources"), out->mutable_resources());
  out->set_cgroupspath(in.Text("cgroupsPath"));
  for (const JsonObject& from : in.Objects("namespaces")) {
    grpc::LinuxNamespace* ns = out->add_namespaces();
    ns->set_type(from.Text("type"));
    ns->set_path(from.Text("path"));
  }
  ConvertDevices(in, out);
  if (in.Has("seccomp")) ConvertSeccomp(in.Object("seccomp"), out->mutable_seccomp());
  out->set_rootfspropagation(in.Text("rootfsPropagation"));
  AddStrings(in, "maskedPaths", out->mutable_maskedpaths());
  AddStrings(in, "readonlyPaths", out->mutable_readonlypaths());
  out->set_mountlabel(in.Text("mountLabel"));
}

}  // namespace cc::shim
