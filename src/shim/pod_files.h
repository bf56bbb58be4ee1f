// SPDX-License-Identifier: Apache-2.0
// The files under /etc that a pod's containers share. In the classic way containerd makes and mounts them;
// with the Sandbox API they are the shim's to make.
#ifndef CC_SHIM_POD_FILES_H_
#define CC_SHIM_POD_FILES_H_

#include <string>

#include "absl/status/status.h"
#include "kata/oci.pb.h"
#include "shim/sandbox.h"

namespace cc::shim {

// Writes resolv.conf and hostname into `directory`, of what the identity knows.
absl::Status WritePodFiles(const std::string& directory, const PodIdentity& identity);

// Mounts those that exist in `directory` into the container, unless it has a mount of its own in that place.
void MountPodFiles(const std::string& directory, grpc::Spec* spec);

}  // namespace cc::shim

#endif  // CC_SHIM_POD_FILES_H_
