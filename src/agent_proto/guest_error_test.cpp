// SPDX-License-Identifier: Apache-2.0
#include "agent_proto/guest_error.h"

#include <gtest/gtest.h>

#include <string>

namespace cc::agent_proto {
namespace {

TEST(GuestError, KeepsCodeAndReadableText) {
  EXPECT_TRUE(GuestError(absl::OkStatus()).ok());
  EXPECT_EQ(GuestError(absl::NotFoundError("no layer")), absl::NotFoundError("no layer"));
}

TEST(GuestError, CutsABacktrace) {
  EXPECT_EQ(GuestError(absl::InternalError("Failed to start\n\nStack backtrace:\n 0: main\n")),
            absl::InternalError("Failed to start"));
}

TEST(GuestError, ControlCharactersCannotSteerATerminal) {
  EXPECT_EQ(GuestError(absl::InternalError("a\x1b[2J\nb")), absl::InternalError("a [2J b"));
}

TEST(GuestError, IsBounded) {
  EXPECT_LT(GuestError(absl::InternalError(std::string(100'000, 'x'))).message().size(), 2100u);
}

}  // namespace
}  // namespace cc::agent_proto
