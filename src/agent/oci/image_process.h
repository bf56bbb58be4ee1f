// SPDX-License-Identifier: Apache-2.0
// The process that an image describes (written by the data hub into <bundle>/config.json) fills what the
// host left empty: with guest pull the host does not know the image's entry point.
#ifndef CC_AGENT_OCI_IMAGE_PROCESS_H_
#define CC_AGENT_OCI_IMAGE_PROCESS_H_

#include <string_view>

#include "absl/status/status.h"
#include "kata/oci.pb.h"

namespace cc::agent {

// Into `process` go, from `defaults`: args and cwd when empty there, env entries whose name is missing there,
// the user when the message has none at all.
void FillProcess(const grpc::Process& defaults, grpc::Process* process);

// FillProcess from `config`, an OCI runtime specification in JSON. InvalidArgument when the text is no such
// JSON, and when no args are known in the end.
absl::Status MergeImageProcess(std::string_view config, grpc::Process* process);

}  // namespace cc::agent

#endif  // CC_AGENT_OCI_IMAGE_PROCESS_H_
