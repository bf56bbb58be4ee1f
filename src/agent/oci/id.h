// SPDX-License-Identifier: Apache-2.0
// Container and exec ids come from the host and become path components: this is the one check.
#ifndef CC_AGENT_OCI_ID_H_
#define CC_AGENT_OCI_ID_H_

#include <string_view>

#include "absl/status/status.h"

namespace cc::agent {

// OK for 1 to 128 characters of [A-Za-z0-9_.-], the first neither '.' nor '-'; else InvalidArgument.
absl::Status CheckId(std::string_view id);

}  // namespace cc::agent

#endif  // CC_AGENT_OCI_ID_H_
