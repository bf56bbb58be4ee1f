// SPDX-License-Identifier: Apache-2.0
#include "agent/oci/resources_json.h"

#include <nlohmann/json.hpp>
#include <string>

namespace cc::agent {
namespace {

using nlohmann::json;

template <typename Value>
void SetIfNotZero(json& out, const char* key, Value value) {
  if (value != Value{}) out[key] = value;
}

json MemoryJson(const grpc::LinuxMemory& memory) {
  json out = json::object();
  SetIfNotZero(out, "limit", memory.limit());
  SetIfNotZero(out, "reservation", memory.reservation());
  SetIfNotZero(out, "swap", memory.swap());
  return out;
}

json CpuJson(const grpc::LinuxCPU& cpu) {
  json out = json::object();
  SetIfNotZero(out, "shares", cpu.shares());
  SetIfNotZero(out, "quota", cpu.quota());
  SetIfNotZero(out, "period", cpu.period());
  SetIfNotZero(out, "cpus", cpu.cpus());
  SetIfNotZero(out, "mems", cpu.mems());
  return out;
}

template <typename Devices>
void SetThrottle(json& out, const char* key, const Devices& devices) {
  for (const grpc::LinuxThrottleDevice& device : devices) {
    out[key].push_back({{"major", device.major()}, {"minor", device.minor()}, {"rate", device.rate()}});
  }
}

json BlockIoJson(const grpc::LinuxBlockIO& block_io) {
  json out = json::object();
  SetIfNotZero(out, "weight", block_io.weight());
  SetThrottle(out, "throttleReadBpsDevice", block_io.throttlereadbpsdevice());
  SetThrottle(out, "throttleWriteBpsDevice", block_io.throttlewritebpsdevice());
  SetThrottle(out, "throttleReadIOPSDevice", block_io.throttlereadiopsdevice());
  SetThrottle(out, "throttleWriteIOPSDevice", block_io.throttlewriteiopsdevice());
  return out;
}

json DeviceRuleJson(const grpc::LinuxDeviceCgroup& rule) {
  json out = {{"allow", rule.allow()}, {"access", rule.access()}};
  SetIfNotZero(out, "type", rule.type());
  // -1 is the wildcard; 0 and 0 together came from an absent pair in the host's JSON.
  const bool wildcard = rule.major() == 0 && rule.minor() == 0;
  if (!wildcard && rule.major() >= 0) out["major"] = rule.major();
  if (!wildcard && rule.minor() >= 0) out["minor"] = rule.minor();
  return out;
}

}  // namespace

json ResourcesJson(const grpc::LinuxResources& resources) {
  json out = json::object();
  for (const grpc::LinuxDeviceCgroup& rule : resources.devices()) {
    out["devices"].push_back(DeviceRuleJson(rule));
  }
  if (json memory = MemoryJson(resources.memory()); !memory.empty()) out["memory"] = memory;
  if (json cpu = CpuJson(resources.cpu()); !cpu.empty()) out["cpu"] = cpu;
  if (resources.pids().limit() != 0) out["pids"] = {{"limit", resources.pids().limit()}};
  if (json block_io = BlockIoJson(resources.blockio()); !block_io.empty()) out["blockIO"] = block_io;
  for (const grpc::LinuxHugepageLimit& limit : resources.hugepagelimits()) {
    out["hugepageLimits"].push_back({{"pageSize", limit.pagesize()}, {"limit", limit.limit()}});
  }
  return out;
}

}  // namespace cc::agent
