// SPDX-License-Identifier: Apache-2.0
// Requests of the agent protocol as the JSON that policies see. The form is that of upstream's agent, so that
// policies made for it (genpolicy, the CoCo samples) decide the same here: every field is there, under its
// name in the .proto file; an unset message or optional field is null; an enum is its name; bytes are a list
// of numbers. Of a CopyFileRequest the policy sees no file content, and the target of a symbolic link as text
// in `symlink_src`.
#ifndef CC_AGENT_POLICY_REQUEST_JSON_H_
#define CC_AGENT_POLICY_REQUEST_JSON_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace cc::agent {

// `type` is the full name of a message of kata/agent.proto ("grpc.ExecProcessRequest"), `payload` its wire
// form. InvalidArgument when the payload does not parse, Internal for a type that does not exist.
absl::StatusOr<std::string> RequestJson(std::string_view type, std::string_view payload);

}  // namespace cc::agent

#endif  // CC_AGENT_POLICY_REQUEST_JSON_H_
