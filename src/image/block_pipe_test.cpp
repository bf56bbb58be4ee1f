// SPDX-License-Identifier: Apache-2.0
#include "image/block_pipe.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>

namespace cc::image {
namespace {

TEST(BlockPipeTest, CarriesAllBytesThroughFewBlocks) {
  BlockPipe pipe(7, 2);
  std::string sent;
  for (int i = 0; i < 1000; ++i) sent += std::to_string(i);
  std::jthread producer([&] {
    for (size_t at = 0; at < sent.size(); at += 11) EXPECT_TRUE(pipe.Append(sent.substr(at, 11)).ok());
    pipe.Finish(absl::OkStatus());
  });
  std::string received;
  while (true) {
    absl::StatusOr<std::string_view> block = pipe.Next();
    ASSERT_TRUE(block.ok());
    if (block->empty()) break;
    EXPECT_LE(block->size(), 7u);
    received += *block;
  }
  EXPECT_EQ(received, sent);
}

TEST(BlockPipeTest, ErrorComesAfterTheDataBeforeIt) {
  BlockPipe pipe(8, 4);
  ASSERT_TRUE(pipe.Append("abc").ok());
  pipe.Finish(absl::DataLossError("x"));
  EXPECT_EQ(*pipe.Next(), "abc");
  EXPECT_EQ(pipe.Next().status().code(), absl::StatusCode::kDataLoss);
}

TEST(BlockPipeTest, AbortWakesAWaitingProducer) {
  BlockPipe pipe(1, 1);
  absl::Status seen;
  std::jthread producer([&] {
    while (seen.ok()) seen = pipe.Append("x");
  });
  ASSERT_TRUE(pipe.Next().ok());
  pipe.Abort(absl::CancelledError("enough"));
  producer.join();
  EXPECT_EQ(seen.code(), absl::StatusCode::kCancelled);
}

TEST(BlockPipeTest, AbortWakesAWaitingConsumer) {
  BlockPipe pipe(1, 1);
  std::jthread consumer([&] { EXPECT_EQ(pipe.Next().status().code(), absl::StatusCode::kCancelled); });
  pipe.Abort(absl::CancelledError("enough"));
}

TEST(BlockPipeTest, DiscardLetsTheProducerFinish) {
  BlockPipe pipe(4, 1);
  ASSERT_TRUE(pipe.Append("full").ok());
  pipe.DiscardRest();
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(pipe.Append("more than one block").ok());
  pipe.Finish(absl::OkStatus());
  EXPECT_EQ(*pipe.Next(), "");
}

}  // namespace
}  // namespace cc::image
