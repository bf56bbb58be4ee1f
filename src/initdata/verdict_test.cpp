// SPDX-License-Identifier: Apache-2.0
#include "initdata/verdict.h"

#include <fcntl.h>
#include <unistd.h>

#include <string>

#include "base/file.h"
#include "base/unique_fd.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cc::initdata {
namespace {

class Verdict : public ::testing::Test {
 protected:
  void SetUp() override {
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    read_.reset(ends[0]);
    write_.reset(ends[1]);
  }
  absl::StatusOr<Binding> Sent(const absl::StatusOr<Binding>& verdict) {
    EXPECT_TRUE(WriteVerdict(write_.get(), verdict).ok());
    write_.reset();
    return ReadVerdict(read_.get());
  }
  absl::StatusOr<Binding> Read(std::string_view bytes) {
    EXPECT_TRUE(WriteFull(write_.get(), bytes).ok());
    write_.reset();
    return ReadVerdict(read_.get());
  }
  UniqueFd read_, write_;
};

TEST_F(Verdict, OfBoundInitDataArrives) { EXPECT_EQ(*Sent(Binding::kBound), Binding::kBound); }

TEST_F(Verdict, OfAGuestWithoutATeeArrives) { EXPECT_EQ(*Sent(Binding::kNoTee), Binding::kNoTee); }

TEST_F(Verdict, OfRefusalArrivesWithItsReason) {
  const absl::StatusOr<Binding> verdict = Sent(absl::InternalError("not the one\nannounced"));
  EXPECT_EQ(verdict.status().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(verdict.status().message(), "not the one announced");
}

TEST_F(Verdict, LongReasonIsCut) {
  EXPECT_THAT(std::string(Sent(absl::InternalError(std::string(100'000, 'x'))).status().message()),
              ::testing::MatchesRegex("x{100,5000}"));
}

TEST_F(Verdict, MissingOrCutOneIsNone) {
  for (const std::string_view bytes :
       {"", "b", "bound", "no-tee", "boundless\n", "bound\nbound\n", "refuse"}) {
    SetUp();
    EXPECT_EQ(Read(bytes).status().code(), absl::StatusCode::kUnavailable) << bytes;
  }
}

TEST_F(Verdict, WithoutAnEndIsNone) {
  EXPECT_EQ(Read(std::string(10'000, 'r')).status().code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace cc::initdata
