// SPDX-License-Identifier: Apache-2.0
// What a pod asks of its sandbox by annotation, Kata's way, and by its resource limits, as containerd's CRI
// plugin passes them on.
#ifndef CC_SHIM_POD_ANNOTATIONS_H_
#define CC_SHIM_POD_ANNOTATIONS_H_

#include <string_view>

#include "absl/status/status.h"
#include "cri/pod_sandbox.pb.h"
#include "kata/oci.pb.h"
#include "shim/bundle.h"
#include "shim/config.h"

namespace cc::shim {

// Refuses annotations beneath io.katacontainers.config. that are not known here or not in the list
// `pod.annotations` of the configuration: InvalidArgument (a pod that asks for what it does not get must not
// start), then applies default_vcpus, default_memory (MiB) and the pod's limits to `config`. The VM gets as
// many vCPUs as the limit needs, and memory for the limit plus vmm.overhead_memory_mib; never less than
// configured.
absl::Status ApplyAnnotations(const Annotations& annotations, Config* config);

// containerd's names for its own annotations, which a pod's cannot be.
inline constexpr std::string_view kCriPrefix = "io.kubernetes.cri.";

// The limits of a pod of the Sandbox API in the form that the CRI plugin gives them to a pause container.
void SetPodLimits(const runtime::v1::LinuxContainerResources& limits, Annotations* annotations);
// The same for a container that is its own pod, as of `ctr run --cpus --memory-limit`.
void SetPodLimits(const grpc::LinuxResources& limits, Annotations* annotations);

}  // namespace cc::shim

#endif  // CC_SHIM_POD_ANNOTATIONS_H_
