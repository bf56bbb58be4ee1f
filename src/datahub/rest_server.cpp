// SPDX-License-Identifier: Apache-2.0
#include "datahub/rest_server.h"

#include <sys/socket.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <set>
#include <utility>

#include "base/log.h"
#include "base/socket.h"
#include "base/status.h"
#include "base/tcp.h"
#include "http/beast_stream.h"
#include "http/timed_socket.h"

namespace cc::datahub {
namespace {

namespace beast = boost::beast;
namespace bhttp = boost::beast::http;
using beast::error_code;

constexpr std::chrono::seconds kRequestTime{10}, kAnswerTime{10};
constexpr size_t kStackSize = 1 << 20;

bool IsLoopback(const std::string& host) { return host.starts_with("127.") || host == "::1"; }

void ServeOne(int fd, const RestServer::Handler& handler) {
  http::TimedSocket socket(fd);
  http::BeastStream stream(socket);
  socket.SetDeadline(kRequestTime);
  beast::flat_buffer buffer(kMaxRestHeaders + kMaxRestBody);
  bhttp::request_parser<bhttp::string_body> parser;
  parser.header_limit(kMaxRestHeaders);
  parser.body_limit(kMaxRestBody);
  error_code error;
  bhttp::read(stream, buffer, parser, error);
  RestResponse answer;
  if (error == bhttp::error::header_limit || error == bhttp::error::body_limit ||
      error == bhttp::error::buffer_overflow) {
    answer = {.status = 413, .content_type = "text/plain", .body = SecretBytes(std::string("too large"))};
  } else if (error && error.category() == bhttp::make_error_code(bhttp::error::bad_method).category() &&
             error != bhttp::error::end_of_stream && error != bhttp::error::partial_message) {
    answer = {.status = 400, .content_type = "text/plain", .body = SecretBytes(std::string("BAD REQUEST"))};
  } else if (error) {
    return;  // nobody is there to be answered
  } else {
    answer = handler(
        {.method = std::string(parser.get().method_string()), .target = std::string(parser.get().target())});
  }
  bhttp::response<bhttp::span_body<const char>> message;
  message.version(11);
  message.result(answer.status);
  message.set(bhttp::field::content_type,
              beast::string_view(answer.content_type.data(), answer.content_type.size()));
  message.set(bhttp::field::cache_control, "no-store");
  message.keep_alive(false);
  message.body() = beast::span<const char>(answer.body.view().data(), answer.body.size());
  message.prepare_payload();
  socket.SetDeadline(kAnswerTime);
  bhttp::write(stream, message, error);
}

}  // namespace

struct RestServer::State {
  explicit State(Handler h) : handler(std::move(h)) {}

  const Handler handler;
  std::mutex mutex;
  std::condition_variable changed;
  std::set<int> open;  // descriptors of live connections
};

RestServer::RestServer(UniqueFd listener, std::shared_ptr<State> state)
    : listener_(std::move(listener)), state_(std::move(state)) {}

absl::StatusOr<std::unique_ptr<RestServer>> RestServer::Start(UniqueFd listener, Handler handler) {
  std::unique_ptr<RestServer> server(
      new RestServer(std::move(listener), std::make_shared<State>(std::move(handler))));
  CC_ASSIGN_OR_RETURN(server->acceptor_, Thread::Start("rest", [self = server.get()] { self->AcceptAll(); }));
  return server;
}

RestServer::~RestServer() {
  ::shutdown(listener_.get(), SHUT_RDWR);
  acceptor_.Join();
  std::unique_lock lock(state_->mutex);
  for (const int fd : state_->open) ::shutdown(fd, SHUT_RDWR);
  state_->changed.wait(lock, [this] { return state_->open.empty(); });
}

void RestServer::AcceptAll() const {
  while (true) {
    absl::StatusOr<UniqueFd> connection = Accept(listener_.get());
    if (!connection.ok()) return;
    const int fd = connection->get();
    if (!IsLoopback(PeerHost(fd))) continue;
    {
      const std::lock_guard lock(state_->mutex);
      if (state_->open.size() >= kMaxRestConnections) continue;
      state_->open.insert(fd);
    }
    const auto forget = [state = state_](UniqueFd closed) {
      const std::lock_guard lock(state->mutex);
      state->open.erase(closed.get());
      closed.reset();
      state->changed.notify_all();
    };
    auto served = std::make_shared<UniqueFd>(*std::move(connection));
    absl::StatusOr<Thread> thread = Thread::Start(
        "rest-conn",
        [state = state_, served, forget] {
          ServeOne(served->get(), state->handler);
          ::shutdown(served->get(), SHUT_RDWR);
          forget(std::move(*served));
        },
        kStackSize);
    if (thread.ok()) {
      thread->Detach();
    } else {
      log::Warning("a REST connection was dropped", {{"error", thread.status()}});
      forget(std::move(*served));
    }
  }
}

}  // namespace cc::datahub
