// SPDX-License-Identifier: Apache-2.0
#include "vmm/vhost_user/message.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <string>

#include "base/file.h"
#include "base/socket.h"
#include "vmm/vhost_user/test_front_end.h"

namespace cc::vmm::vhost_user {
namespace {

class MessageTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto pair = *SocketPair();
    near_ = std::move(pair.first);
    far_ = std::move(pair.second);
  }
  void SendBytes(std::string_view bytes) { ASSERT_TRUE(SendFull(far_.get(), bytes).ok()); }
  UniqueFd near_, far_;
};

TEST_F(MessageTest, PutsAMessageTogetherFromPieces) {
  MessageReader reader(near_.get());
  const std::string bytes = RawMessage(1, kVersion, std::string(8, 'p'));
  for (size_t i = 0; i + 1 < bytes.size(); ++i) {
    SendBytes(bytes.substr(i, 1));
    const auto next = reader.Next();
    ASSERT_TRUE(next.ok());
    ASSERT_FALSE(next->has_value()) << i;
  }
  SendBytes(bytes.substr(bytes.size() - 1));
  auto next = reader.Next();
  ASSERT_TRUE(next.ok() && next->has_value());
  EXPECT_EQ((*next)->request, Request::kGetFeatures);
  EXPECT_EQ((*next)->payload.size(), 8u);
}

TEST_F(MessageTest, TakesDescriptorsWithTheirMessage) {
  MessageReader reader(near_.get());
  ASSERT_TRUE(SendWithFds(far_.get(), RawMessage(5, kVersion, "x"), {near_.get(), far_.get()}));
  SendBytes(RawMessage(3, kVersion, ""));
  auto first = reader.Next();
  ASSERT_TRUE(first.ok() && first->has_value());
  EXPECT_EQ((*first)->fds.size(), 2u);
  auto second = reader.Next();
  ASSERT_TRUE(second.ok() && second->has_value());
  EXPECT_TRUE((*second)->fds.empty());
}

TEST_F(MessageTest, RefusesImpossibleHeaders) {
  const struct {
    const char* name;
    std::string bytes;
  } kCases[] = {
      {"too long", RawMessage(1, kVersion, std::string(MessageReader::kMaxPayload + 1, 'x'))},
      {"wrong version", RawMessage(1, 2, "")},
      {"no version", RawMessage(1, 0, "")},
  };
  for (const auto& c : kCases) {
    auto pair = *SocketPair();
    ASSERT_TRUE(SendFull(pair.second.get(), c.bytes).ok());
    MessageReader reader(pair.first.get());
    EXPECT_TRUE(absl::IsInvalidArgument(reader.Next().status())) << c.name;
  }
}

TEST_F(MessageTest, RefusesMoreDescriptorsThanAnyMessageHas) {
  MessageReader reader(near_.get());
  ASSERT_TRUE(SendWithFds(far_.get(), RawMessage(5, kVersion, "x"),
                          std::vector<int>(MessageReader::kMaxFds + 1, near_.get())));
  EXPECT_TRUE(absl::IsInvalidArgument(reader.Next().status()));
}

TEST_F(MessageTest, SaysWhenThePeerIsGone) {
  MessageReader reader(near_.get());
  SendBytes("half ");
  far_.reset();
  EXPECT_TRUE(absl::IsCancelled(reader.Next().status()));
}

TEST(MessageParseTest, RefusesShortPayloads) {
  const std::vector<std::byte> bytes = ToBytes(VringState{1, 2});
  ASSERT_TRUE(Parse<VringState>(bytes).ok());
  EXPECT_EQ(Parse<VringState>(bytes)->value, 2u);
  EXPECT_FALSE(Parse<VringAddress>(bytes).ok());
  EXPECT_FALSE(Parse<VringState>(bytes, 1).ok());
  EXPECT_FALSE(Parse<uint64_t>({}).ok());
}

}  // namespace
}  // namespace cc::vmm::vhost_user
