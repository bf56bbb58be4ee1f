// SPDX-License-Identifier: Apache-2.0
#include "shim/status_codes.h"

namespace cc::shim {

absl::Status ForContainerd(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kUnimplemented:
    case absl::StatusCode::kCancelled:
    case absl::StatusCode::kDeadlineExceeded:
      return status;
    case absl::StatusCode::kOutOfRange:
      return absl::InvalidArgumentError(status.message());
    default:
      return absl::FailedPreconditionError(status.message());
  }
}

}  // namespace cc::shim
