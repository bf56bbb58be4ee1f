// SPDX-License-Identifier: Apache-2.0
// Kata's protobuf process <-> the JSON of the OCI runtime specification.
#ifndef CC_AGENT_OCI_PROCESS_JSON_H_
#define CC_AGENT_OCI_PROCESS_JSON_H_

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "absl/status/status.h"
#include "kata/oci.pb.h"

namespace cc::agent {

// The value of "process" in config.json. Bytes that are no UTF-8 are replaced, JSON cannot carry them.
nlohmann::json ProcessJson(const grpc::Process& process);

// ProcessJson as text, the file that `crun exec --process` reads.
std::string ProcessText(const grpc::Process& process);

// Text of `json`; never throws on bytes that are no UTF-8.
std::string JsonText(const nlohmann::json& json);

}  // namespace cc::agent

#endif  // CC_AGENT_OCI_PROCESS_JSON_H_
