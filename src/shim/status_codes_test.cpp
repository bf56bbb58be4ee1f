// SPDX-License-Identifier: Apache-2.0
#include "shim/status_codes.h"

#include <gtest/gtest.h>

namespace cc::shim {
namespace {

TEST(ForContainerd, KeepsTheCodesThatItsClientsName) {
  EXPECT_TRUE(ForContainerd(absl::OkStatus()).ok());
  EXPECT_EQ(ForContainerd(absl::NotFoundError("x")), absl::NotFoundError("x"));
  EXPECT_EQ(ForContainerd(absl::DeadlineExceededError("x")), absl::DeadlineExceededError("x"));
}

TEST(ForContainerd, NothingIsUnknownAndTheCauseStays) {
  for (const absl::Status& status :
       {absl::ResourceExhaustedError("disk full"), absl::PermissionDeniedError("disk full"),
        absl::InternalError("disk full"), absl::UnknownError("disk full"), absl::DataLossError("disk full"),
        absl::AbortedError("disk full"), absl::UnauthenticatedError("disk full")}) {
    EXPECT_EQ(ForContainerd(status), absl::FailedPreconditionError("disk full")) << status;
  }
}

}  // namespace
}  // namespace cc::shim
