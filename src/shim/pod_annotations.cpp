// SPDX-License-Identifier: Apache-2.0
#include "shim/pod_annotations.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>

#include "base/status.h"
#include "base/strings.h"

namespace cc::shim {
namespace {

constexpr std::string_view kPrefix = "io.katacontainers.config.";
constexpr std::string_view kHypervisor = "io.katacontainers.config.hypervisor.";
constexpr std::array<std::string_view, 3> kKnown = {"cc_init_data", "default_vcpus", "default_memory"};
constexpr uint64_t kMiB = 1 << 20;

// containerd's pkg/cri/annotations: limits of the whole pod, on its sandbox.
constexpr char kCpuPeriod[] = "io.kubernetes.cri.sandbox-cpu-period";
constexpr char kCpuQuota[] = "io.kubernetes.cri.sandbox-cpu-quota";
constexpr char kMemory[] = "io.kubernetes.cri.sandbox-memory";

absl::Status Check(std::string_view key, const std::vector<std::string>& allowed) {
  if (!key.starts_with(kPrefix)) return absl::OkStatus();
  const std::string_view name =
      key.starts_with(kHypervisor) ? key.substr(kHypervisor.size()) : std::string_view();
  if (std::find(kKnown.begin(), kKnown.end(), name) == kKnown.end()) {
    return absl::InvalidArgumentError(StrCat(
        "annotation ", key, " is not supported; remove it, or set its value for all pods in config.toml"));
  }
  if (std::find(allowed.begin(), allowed.end(), name) == allowed.end()) {
    return absl::InvalidArgumentError(StrCat("annotation ", key, " is not allowed on this node; add \"", name,
                                             "\" to pod.annotations in config.toml"));
  }
  return absl::OkStatus();
}

// The number in an annotation, 0 without one.
absl::StatusOr<uint64_t> Number(const Annotations& annotations, const std::string& key) {
  const auto found = annotations.find(key);
  if (found == annotations.end() || found->second.empty()) return 0;
  uint64_t value = 0;
  if (!ParseNumber(found->second, &value)) {
    return absl::InvalidArgumentError(StrCat("annotation ", key, ": '", found->second, "' is no number"));
  }
  return value;
}

// A limit of the pod; 0 when there is none, which may be written as a negative number.
absl::StatusOr<uint64_t> Limit(const Annotations& annotations, const std::string& key) {
  const auto found = annotations.find(key);
  if (found != annotations.end() && found->second.starts_with('-')) return 0;
  return Number(annotations, key);
}

absl::Status Override(const Annotations& annotations, std::string_view name, uint32_t* value) {
  const std::string key = StrCat(kHypervisor, name);
  CC_ASSIGN_OR_RETURN(const uint64_t number, Number(annotations, key));
  if (number > INT32_MAX) {
    return absl::InvalidArgumentError(StrCat("annotation ", key, ": ", number, " is out of range"));
  }
  if (number > 0) *value = static_cast<uint32_t>(number);
  return absl::OkStatus();
}

uint32_t AtLeast(uint32_t configured, uint64_t needed) {
  return static_cast<uint32_t>(std::max<uint64_t>(configured, std::min<uint64_t>(needed, UINT32_MAX)));
}

}  // namespace

void SetPodLimits(const runtime::v1::LinuxContainerResources& limits, Annotations* annotations) {
  (*annotations)[kCpuPeriod] = std::to_string(limits.cpu_period());
  (*annotations)[kCpuQuota] = std::to_string(limits.cpu_quota());
  (*annotations)[kMemory] = std::to_string(limits.memory_limit_in_bytes());
}

void SetPodLimits(const grpc::LinuxResources& limits, Annotations* annotations) {
  (*annotations)[kCpuPeriod] = std::to_string(limits.cpu().period());
  (*annotations)[kCpuQuota] = std::to_string(limits.cpu().quota());
  (*annotations)[kMemory] = std::to_string(limits.memory().limit());
}

absl::Status ApplyAnnotations(const Annotations& annotations, Config* config) {
  for (const auto& [key, value] : annotations) CC_RETURN_IF_ERROR(Check(key, config->pod.annotations));
  CC_RETURN_IF_ERROR(Override(annotations, "default_vcpus", &config->vmm.vcpus));
  CC_RETURN_IF_ERROR(Override(annotations, "default_memory", &config->vmm.memory_mib));

  CC_ASSIGN_OR_RETURN(const uint64_t period, Limit(annotations, kCpuPeriod));
  CC_ASSIGN_OR_RETURN(const uint64_t quota, Limit(annotations, kCpuQuota));
  if (period > 0)
    config->vmm.vcpus = AtLeast(config->vmm.vcpus, quota / period + (quota % period > 0 ? 1 : 0));
  CC_ASSIGN_OR_RETURN(const uint64_t memory, Limit(annotations, kMemory));
  if (memory > 0) {
    config->vmm.memory_mib = AtLeast(config->vmm.memory_mib, memory / kMiB + (memory % kMiB > 0 ? 1 : 0) +
                                                                 config->vmm.overhead_memory_mib);
  }
  return absl::OkStatus();
}

}  // namespace cc::shim
