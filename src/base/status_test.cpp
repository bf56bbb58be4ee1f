// SPDX-License-Identifier: Apache-2.0
#include "base/status.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace cc {
namespace {

TEST(ErrnoStatus, MapsErrorsToCodesForTheCaller) {
  const struct {
    int error;
    absl::StatusCode code;
  } kCases[] = {
      {ENOENT, absl::StatusCode::kNotFound},          {EEXIST, absl::StatusCode::kAlreadyExists},
      {EACCES, absl::StatusCode::kPermissionDenied},  {ENOSPC, absl::StatusCode::kResourceExhausted},
      {ENOMEM, absl::StatusCode::kResourceExhausted}, {ETIMEDOUT, absl::StatusCode::kDeadlineExceeded},
      {ECONNREFUSED, absl::StatusCode::kUnavailable}, {EIO, absl::StatusCode::kInternal},
  };
  for (const auto& c : kCases) EXPECT_EQ(ErrnoStatus(c.error, "x").code(), c.code) << c.error;
}

TEST(ErrnoStatus, MessageNamesAttemptAndCause) {
  EXPECT_EQ(ErrnoStatus(ENOENT, "open /x").message(), "open /x: No such file or directory");
}

TEST(Annotate, PutsContextBeforeTheMessageAndKeepsTheCode) {
  absl::Status status = Annotate(absl::NotFoundError("no such layer"), "pull busybox");
  EXPECT_EQ(status, absl::NotFoundError("pull busybox: no such layer"));
  EXPECT_TRUE(Annotate(absl::OkStatus(), "x").ok());
}

absl::StatusOr<int> Half(int value) {
  if (value % 2 != 0) return absl::InvalidArgumentError("odd");
  return value / 2;
}

absl::StatusOr<int> Quarter(int value) {
  CC_ASSIGN_OR_RETURN(int half, Half(value));
  CC_ASSIGN_OR_RETURN(int quarter, Half(half));
  return quarter;
}

TEST(AssignOrReturn, PassesValuesAndErrorsOn) {
  EXPECT_EQ(*Quarter(8), 2);
  EXPECT_EQ(Quarter(6).status(), absl::InvalidArgumentError("odd"));
}

}  // namespace
}  // namespace cc
