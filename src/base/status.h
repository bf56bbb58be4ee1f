// SPDX-License-Identifier: Apache-2.0
// Errors are absl::Status everywhere. A message reads "what was attempted: cause"; context is added once,
// where it is known. Codes map one to one to ttrpc and gRPC.
#ifndef CC_BASE_STATUS_H_
#define CC_BASE_STATUS_H_

#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace cc {

// Status for a failed system call. `error` is an errno value. ENOENT becomes NotFound, EEXIST
// AlreadyExists, EACCES and EPERM PermissionDenied, ENOSPC, ENOMEM and EDQUOT ResourceExhausted,
// ETIMEDOUT DeadlineExceeded, EINVAL InvalidArgument, ECONNREFUSED, ECONNRESET and EPIPE Unavailable,
// anything else Internal. The message is "<what>: <text of the error>".
absl::Status ErrnoStatus(int error, std::string_view what);

// The same status with "<context>: " before its message. OK stays OK.
absl::Status Annotate(const absl::Status& status, std::string_view context);

}  // namespace cc

#define CC_STATUS_CONCAT_(a, b) a##b
#define CC_STATUS_CONCAT(a, b) CC_STATUS_CONCAT_(a, b)

// Leaves the function with the status of `expr` unless it is OK.
#define CC_RETURN_IF_ERROR(expr)                                            \
  do {                                                                      \
    if (absl::Status cc_status = (expr); !cc_status.ok()) return cc_status; \
  } while (false)

// Evaluates `expr` (a StatusOr), leaves the function on error, else assigns the value to `lhs`.
#define CC_ASSIGN_OR_RETURN(lhs, expr) CC_ASSIGN_OR_RETURN_(CC_STATUS_CONCAT(cc_result_, __LINE__), lhs, expr)
#define CC_ASSIGN_OR_RETURN_(result, lhs, expr) \
  auto result = (expr);                         \
  if (!result.ok()) return result.status();     \
  lhs = std::move(result).value()

#endif  // CC_BASE_STATUS_H_
