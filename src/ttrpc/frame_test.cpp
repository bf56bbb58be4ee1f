// SPDX-License-Identifier: Apache-2.0
#include "ttrpc/frame.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <string>
#include <thread>

#include "base/socket.h"
#include "ttrpc/test_peer.h"
#include "ttrpc/time.h"

namespace cc::ttrpc {
namespace {

using std::chrono::milliseconds;

TEST(FrameTest, HeaderIsBigEndian) {
  const FrameHeader header{.length = 0x01020304, .stream = 0xA1B2C3D4, .type = 2, .flags = 5};
  const auto bytes = EncodeHeader(header);
  EXPECT_EQ(std::string(bytes.data(), bytes.size()), std::string("\x01\x02\x03\x04\xA1\xB2\xC3\xD4\x02\x05"));
  EXPECT_EQ(DecodeHeader(bytes), header);
}

TEST(FrameTest, CarriesFramesOfManySizes) {
  auto [peer, fd] = TestPeer::Connect();
  const std::vector<size_t> sizes = {0, 1, 4085, 4086, 4087, 65536, 65537, 1000003, kMaxBody};
  std::thread sender([&, end = fd.get()] {
    FrameWriter writer(end);
    for (size_t size : sizes) {
      EXPECT_TRUE(writer.Write({.stream = 7, .type = kTypeData}, std::string(size, 'x')).ok());
    }
  });
  for (size_t size : sizes) {
    absl::StatusOr<TestPeer::Frame> frame = peer->Receive();
    ASSERT_TRUE(frame.ok()) << frame.status();
    EXPECT_EQ(frame->header.length, size);
    EXPECT_EQ(frame->header.stream, 7u);
    EXPECT_TRUE(frame->body == std::string(size, 'x'));
  }
  sender.join();
}

TEST(FrameTest, ReadsHeaderThatComesByteByByte) {
  auto [peer, fd] = TestPeer::Connect();
  std::thread sender([&] {
    for (char c : EncodeHeader({.length = 0, .stream = 9, .type = 1})) peer->SendRaw(std::string_view(&c, 1));
  });
  FrameReader reader(fd.get());
  absl::StatusOr<FrameHeader> header = reader.ReadHeader();
  sender.join();
  ASSERT_TRUE(header.ok()) << header.status();
  EXPECT_EQ(header->stream, 9u);
}

TEST(FrameTest, TellsEndBetweenFramesFromEndInside) {
  struct Case {
    std::string bytes;
    absl::StatusCode header;
  };
  const std::vector<Case> cases = {{"", absl::StatusCode::kOutOfRange},
                                   {std::string(1, '\0'), absl::StatusCode::kDataLoss},
                                   {std::string(9, '\0'), absl::StatusCode::kDataLoss}};
  for (const Case& c : cases) {
    auto [peer, fd] = TestPeer::Connect();
    peer->SendRaw(c.bytes);
    peer->Close();
    FrameReader reader(fd.get());
    EXPECT_EQ(reader.ReadHeader().status().code(), c.header) << c.bytes.size();
  }
}

TEST(FrameTest, TruncatedBodyIsDataLoss) {
  for (const bool skip : {false, true}) {
    auto [peer, fd] = TestPeer::Connect();
    peer->SendHeader({.length = kMaxBody, .stream = 1, .type = 1});
    peer->SendRaw("abc");
    peer->Close();
    FrameReader reader(fd.get());
    absl::StatusOr<FrameHeader> header = reader.ReadHeader();
    ASSERT_TRUE(header.ok()) << header.status();
    const absl::Status status =
        skip ? reader.SkipBody(header->length) : reader.ReadBody(header->length).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  }
}

TEST(FrameTest, SkipLeavesNextFrameWhole) {
  auto [peer, fd] = TestPeer::Connect();
  std::thread sender([&] {
    peer->SendHeader({.length = 100000, .stream = 1, .type = 9});
    peer->SendRaw(std::string(100000, 'j'));
    peer->SendFrame({.stream = 3, .type = kTypeRequest}, "next");
  });
  FrameReader reader(fd.get());
  EXPECT_TRUE(reader.SkipBody(reader.ReadHeader()->length).ok());
  absl::StatusOr<FrameHeader> header = reader.ReadHeader();
  ASSERT_TRUE(header.ok());
  EXPECT_EQ(header->stream, 3u);
  EXPECT_EQ(*reader.ReadBody(header->length), "next");
  sender.join();
}

TEST(FrameTest, RefusesToSendOversizeBody) {
  auto [peer, fd] = TestPeer::Connect();
  FrameWriter writer(fd.get());
  EXPECT_TRUE(absl::IsResourceExhausted(writer.Write({}, std::string(kMaxBody + 1, 'x'))));
  EXPECT_TRUE(writer.Write({.stream = 5}, "fits").ok());
  EXPECT_EQ(peer->Receive()->body, "fits");
}

TEST(FrameTest, SendToClosedPeerIsUnavailable) {
  auto [peer, fd] = TestPeer::Connect();
  peer.reset();
  FrameWriter writer(fd.get());
  EXPECT_TRUE(absl::IsUnavailable(writer.Write({}, "x")));
}

TEST(FrameTest, RestOfTimedOutFrameGoesBeforeTheNext) {
  auto [peer, fd] = TestPeer::Connect();
  FrameWriter writer(fd.get());
  const std::string large(2 << 20, 'a');
  ASSERT_TRUE(absl::IsDeadlineExceeded(
      writer.Write({.stream = 1, .type = kTypeRequest}, large, DeadlineAfter(milliseconds(20)))));
  // Nothing of this one fits: it is not sent at all.
  ASSERT_TRUE(absl::IsDeadlineExceeded(
      writer.Write({.stream = 3, .type = kTypeRequest}, "lost", DeadlineAfter(milliseconds(0)))));
  std::thread sender([&] { EXPECT_TRUE(writer.Write({.stream = 5, .type = kTypeRequest}, "next").ok()); });
  absl::StatusOr<TestPeer::Frame> first = peer->Receive();
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(first->header.stream, 1u);
  EXPECT_TRUE(first->body == large);
  absl::StatusOr<TestPeer::Frame> second = peer->Receive();
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(second->header.stream, 5u);
  EXPECT_EQ(second->body, "next");
  sender.join();
}

TEST(FrameTest, ShutdownWakesBlockedWriter) {
  auto [peer, fd] = TestPeer::Connect();
  absl::Status status;
  std::thread sender([&, end = fd.get()] {
    FrameWriter writer(end);
    while (status.ok()) status = writer.Write({}, std::string(kMaxBody, 'x'));
  });
  ASSERT_TRUE(WaitReadable(peer->fd(), std::chrono::seconds(60)).ok());
  ::shutdown(fd.get(), SHUT_RDWR);
  sender.join();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
}

}  // namespace
}  // namespace cc::ttrpc
