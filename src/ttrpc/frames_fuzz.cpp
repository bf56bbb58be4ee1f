// SPDX-License-Identifier: Apache-2.0
// Frames from a hostile peer, to our server (even first byte) and to our client (odd).
#include <sys/socket.h>

#include "base/fuzz.h"
#include "base/thread.h"
#include "ttrpc/client.h"
#include "ttrpc/server.h"
#include "ttrpc/test_peer.h"

namespace cc::fuzz {
namespace {

using namespace ttrpc;

// What fits a socket's buffer, so that writing it needs nobody who reads.
constexpr size_t kMaxInput = 16 << 10;

std::string Frame(const FrameHeader& header, std::string_view body) {
  FrameHeader whole = header;
  whole.length = static_cast<uint32_t>(body.size());
  const auto bytes = EncodeHeader(whole);
  return std::string(bytes.data(), bytes.size()).append(body);
}

std::string RequestBody(const std::string& method, int64_t timeout_nano = 0) {
  ::ttrpc::Request request;
  request.set_service("Test");
  request.set_method(method);
  request.set_payload("payload");
  request.set_timeout_nano(timeout_nano);
  return request.SerializeAsString();
}

void Serve(Server& server, std::string_view input) {
  auto [peer, fd] = TestPeer::Connect();
  peer->SendRaw(input);
  ::shutdown(peer->fd(), SHUT_WR);
  server.ServeConnection(std::move(fd));
}

void Call(std::string_view input) {
  auto [peer, fd] = TestPeer::Connect();
  peer->SendRaw(input);
  ::shutdown(peer->fd(), SHUT_WR);
  Client client(std::move(fd));
  const auto answer = client.CallRaw("Test", "Echo", "payload", {});
  Check(answer.ok() || !answer.status().message().empty(), "an error says what it is");
}

}  // namespace

Target MakeTarget() {
  const auto server = std::make_shared<Server>();
  server->HandleRaw("Test", "Echo", [](const CallContext&, std::string_view in, std::string& out) {
    out = in;
    return absl::OkStatus();
  });
  const std::string request = RequestBody("Echo");
  return {.seeds = {std::string(1, '\0') + Frame({.stream = 1, .type = kTypeRequest}, request) +
                        Frame({.stream = 3, .type = kTypeRequest}, RequestBody("None", 1)),
                    std::string(1, '\0') +
                        Frame({.stream = 1, .type = kTypeRequest, .flags = kFlagRemoteOpen}, request) +
                        Frame({.stream = 1, .type = kTypeData, .flags = kFlagNoData | kFlagRemoteClosed}, ""),
                    "\1" + Frame({.stream = 1, .type = kTypeResponse},
                                 EncodeResponse(absl::OkStatus(), "payload")),
                    "\1" + Frame({.stream = 1, .type = kTypeResponse},
                                 EncodeResponse(absl::NotFoundError("no such thing"), ""))},
          .run = [server](std::string_view input) {
            if (input.empty() || input.size() > kMaxInput) return;
            if (input[0] % 2 == 0) return Serve(*server, input.substr(1));
            Call(input.substr(1));
          }};
}

}  // namespace cc::fuzz
