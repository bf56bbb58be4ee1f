// SPDX-License-Identifier: Apache-2.0
// For tests: one end of a socket pair, spoken to in raw frames.
#ifndef CC_TTRPC_TEST_PEER_H_
#define CC_TTRPC_TEST_PEER_H_

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/socket.h"
#include "ttrpc/envelope.h"
#include "ttrpc/frame.h"
#include "ttrpc/ttrpc.pb.h"

namespace cc::ttrpc {

class TestPeer {
 public:
  explicit TestPeer(UniqueFd fd) : fd_(std::move(fd)), reader_(fd_.get()), writer_(fd_.get()) {}

  // A peer and the other end of its connection. Small buffers, so that a test can fill them.
  static std::pair<std::unique_ptr<TestPeer>, UniqueFd> Connect() {
    absl::StatusOr<std::pair<UniqueFd, UniqueFd>> pair = SocketPair();
    EXPECT_TRUE(pair.ok()) << pair.status();
    for (const int fd : {pair->first.get(), pair->second.get()}) {
      constexpr int kSize = 64 << 10;
      EXPECT_EQ(::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &kSize, sizeof(kSize)), 0);
    }
    return {std::make_unique<TestPeer>(std::move(pair->first)), std::move(pair->second)};
  }

  int fd() const { return fd_.get(); }
  void SendRaw(std::string_view bytes) { EXPECT_TRUE(SendFull(fd_.get(), bytes).ok()); }
  void SendHeader(const FrameHeader& header) {
    const auto bytes = EncodeHeader(header);
    SendRaw(std::string_view(bytes.data(), bytes.size()));
  }
  void SendFrame(const FrameHeader& header, std::string_view body) {
    const absl::Status sent = writer_.Write(header, body);
    EXPECT_TRUE(sent.ok()) << sent;
  }
  void SendRequest(uint32_t stream, std::string_view method, std::string_view payload = {},
                   int64_t timeout_nano = 0, uint8_t flags = 0) {
    ::ttrpc::Request request;
    request.set_service("Test");
    request.set_method(std::string(method));
    request.set_payload(std::string(payload));
    request.set_timeout_nano(timeout_nano);
    SendFrame({.stream = stream, .type = kTypeRequest, .flags = flags}, request.SerializeAsString());
  }
  void SendResponse(uint32_t stream, const absl::Status& status, std::string payload = {}) {
    SendFrame({.stream = stream, .type = kTypeResponse}, EncodeResponse(status, std::move(payload)));
  }

  struct Frame {
    FrameHeader header;
    std::string body;
  };
  absl::StatusOr<Frame> Receive() {
    absl::StatusOr<FrameHeader> header = reader_.ReadHeader();
    if (!header.ok()) return header.status();
    absl::StatusOr<std::string> body = reader_.ReadBody(header->length);
    if (!body.ok()) return body.status();
    return Frame{*header, *std::move(body)};
  }
  // The next answer, which must be for `stream`.
  absl::StatusOr<std::string> ReceiveAnswer(uint32_t stream) {
    absl::StatusOr<Frame> frame = Receive();
    if (!frame.ok()) return frame.status();
    EXPECT_EQ(frame->header.stream, stream);
    EXPECT_EQ(frame->header.type, kTypeResponse);
    EXPECT_EQ(frame->header.flags, 0);
    return DecodeResponse(frame->body);
  }
  // The next frame as request; `stream` gets its id.
  ::ttrpc::Request ReceiveRequest(uint32_t* stream) {
    absl::StatusOr<Frame> frame = Receive();
    ::ttrpc::Request request;
    if (!frame.ok()) {
      ADD_FAILURE() << frame.status();
      return request;
    }
    EXPECT_EQ(frame->header.type, kTypeRequest);
    EXPECT_TRUE(request.ParseFromString(frame->body));
    *stream = frame->header.stream;
    return request;
  }
  void Close() { ::shutdown(fd_.get(), SHUT_RDWR); }

 private:
  UniqueFd fd_;
  FrameReader reader_;
  FrameWriter writer_;
};

}  // namespace cc::ttrpc

#endif  // CC_TTRPC_TEST_PEER_H_
