// SPDX-License-Identifier: Apache-2.0
#include "vmm/vsock/credit.h"

#include <gtest/gtest.h>

namespace cc::vmm::vsock {
namespace {

PacketHeader FromGuest(uint32_t buffer_size, uint32_t consumed) {
  return {.buffer_size = buffer_size, .consumed = consumed};
}

TEST(SendCreditTest, FollowsTheGuestAcrossTheWrapOfItsCounter) {
  SendCredit credit;
  EXPECT_EQ(credit.Free(), 0u);
  credit.Update(FromGuest(1000, 0));
  EXPECT_EQ(credit.Free(), 1000u);
  uint32_t sent = 0;
  for (int i = 0; i < 20; ++i) {
    sent += 0x30000000;
    credit.Sent(0x30000000);
    credit.Update(FromGuest(1000, sent));
    ASSERT_EQ(credit.Free(), 1000u);
  }
  credit.Sent(400);
  EXPECT_EQ(credit.Free(), 600u);
}

TEST(SendCreditTest, AGuestThatLiesGetsNothing) {
  SendCredit credit;
  credit.Update(FromGuest(1000, 500));  // consumed what was never sent
  EXPECT_EQ(credit.Free(), 0u);
  credit.Update(FromGuest(1000, 0));
  credit.Sent(1000);
  credit.Update(FromGuest(10, 0));  // shrank its buffer below what is in flight
  EXPECT_EQ(credit.Free(), 0u);
}

TEST(ReceiveCreditTest, RefusesMoreThanTheBuffer) {
  ReceiveCredit credit;
  EXPECT_TRUE(credit.Received(ReceiveCredit::kBufferSize));
  EXPECT_FALSE(credit.Received(1));
  credit.Consumed(10);
  EXPECT_TRUE(credit.Received(10));
  EXPECT_FALSE(credit.Received(UINT32_MAX));
}

TEST(ReceiveCreditTest, AnnouncesOnceHalfTheBufferWasUsed) {
  ReceiveCredit credit;
  ASSERT_TRUE(credit.Received(ReceiveCredit::kBufferSize / 2));
  EXPECT_FALSE(credit.ShouldAnnounce());  // nothing has been consumed: no news
  credit.Consumed(1);
  EXPECT_TRUE(credit.ShouldAnnounce());
  PacketHeader header;
  credit.Announce(&header);
  EXPECT_EQ(header.buffer_size, ReceiveCredit::kBufferSize);
  EXPECT_EQ(header.consumed, 1u);
  EXPECT_FALSE(credit.ShouldAnnounce());
}

}  // namespace
}  // namespace cc::vmm::vsock
