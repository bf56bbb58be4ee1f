// SPDX-License-Identifier: Apache-2.0
// How deep a Rego text nests brackets, read before the engine sees it: regorus 0.10 parses each bracket
// level twice, so its time doubles with every level (a second at 20) and its stack is not bounded.
#ifndef CC_POLICY_NESTING_H_
#define CC_POLICY_NESTING_H_

#include <string_view>

#include "absl/status/status.h"

namespace cc::policy {

inline constexpr int kMaxNesting = 16;

// InvalidArgument naming the line where (), [] and {} nest deeper than kMaxNesting. Brackets in strings and
// comments do not count.
absl::Status CheckNesting(std::string_view name, std::string_view text);

}  // namespace cc::policy

#endif  // CC_POLICY_NESTING_H_
