// SPDX-License-Identifier: Apache-2.0
// Request targets: hostile text with one parser.
#ifndef CC_TRUSTEE_KBS_PATH_H_
#define CC_TRUSTEE_KBS_PATH_H_

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace cc::trustee {

struct Target {
  std::string path;                   // as received
  std::vector<std::string> segments;  // between the slashes, not decoded; "/a/b" is {"a", "b"}
  std::map<std::string, std::string> query;
};

// InvalidArgument unless it starts with '/', has at most 4096 printable ASCII characters, no "." or ".."
// segment (encoded ones included), and a well-formed query. Segments may be empty: names of reference values
// have such ("rvps:///a").
absl::StatusOr<Target> ParseTarget(std::string_view target);

// %XX once; InvalidArgument for a bad escape, a NUL or invalid UTF-8.
absl::StatusOr<std::string> PercentDecode(std::string_view text);

// The name of a resource in the store: exactly three segments, each [A-Za-z0-9_-][A-Za-z0-9_.-]*. No
// escapes: a name has one spelling.
absl::StatusOr<std::string> ResourceName(const std::vector<std::string>& segments);

}  // namespace cc::trustee

#endif  // CC_TRUSTEE_KBS_PATH_H_
