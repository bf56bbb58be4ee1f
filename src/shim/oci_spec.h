// SPDX-License-Identifier: Apache-2.0
// The OCI runtime specification in containerd's JSON, turned into Kata's protobuf form field by field.
// Nothing is judged or changed here (guest_spec.h does); a field of the wrong type is InvalidArgument and
// named by its path.
#ifndef CC_SHIM_OCI_SPEC_H_
#define CC_SHIM_OCI_SPEC_H_

#include <string_view>

#include "absl/status/statusor.h"
#include "kata/oci.pb.h"

namespace cc::shim {

absl::StatusOr<grpc::Spec> ParseSpec(std::string_view json);
// Body of the Any in ExecProcessRequest.spec.
absl::StatusOr<grpc::Process> ParseProcess(std::string_view json);
// Body of the Any in UpdateTaskRequest.resources.
absl::StatusOr<grpc::LinuxResources> ParseResources(std::string_view json);

}  // namespace cc::shim

#endif  // CC_SHIM_OCI_SPEC_H_
