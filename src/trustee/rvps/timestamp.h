// SPDX-License-Identifier: Apache-2.0
// RFC 3339 times in UTC to the second, as stored reference values carry them: "2027-01-31T00:00:00Z".
#ifndef CC_TRUSTEE_RVPS_TIMESTAMP_H_
#define CC_TRUSTEE_RVPS_TIMESTAMP_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace cc::trustee {

std::string FormatTimestamp(int64_t seconds);
// InvalidArgument for any other form and for days that do not exist.
absl::StatusOr<int64_t> ParseTimestamp(std::string_view text);

// The same time of day `months` later; on the last day of a shorter month.
int64_t AddMonths(int64_t seconds, int months);

}  // namespace cc::trustee

#endif  // CC_TRUSTEE_RVPS_TIMESTAMP_H_
