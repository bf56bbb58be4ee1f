// SPDX-License-Identifier: Apache-2.0
#include "datahub/rest_server.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <set>
#include <utility>

#define BOOST_ERROR_CODE_HEADER_ONLY
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#pragma GCC diagnostic pop

#include "base/log.h"
#include "base/socket.h"
#include "base/status.h"
#include "base/tcp.h"

namespace cc::datahub {
namespace {

namespace beast = boost::beast;
namespace http = beast::http;
using beast::error_code;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kRequestTime{10}, kAnswerTime{10};
constexpr size_t kStackSize = 1 << 20;

bool IsLoopback(const std::string& host) { return host.starts_with("127.") || host == "::1"; }

// A socket with a deadline, as what Beast reads from and writes to.
class Stream {
 public:
  explicit Stream(int fd) : fd_(fd) {}
  void SetDeadline(std::chrono::seconds time) { deadline_ = Clock::now() + time; }

  template <typename Buffers>
  size_t read_some(const Buffers& buffers, error_code& error) {
    for (const auto buffer : beast::buffers_range_ref(buffers)) {
      if (buffer.size() == 0) continue;
      const ssize_t count = Retry(POLLIN, [&] { return ::recv(fd_, buffer.data(), buffer.size(), 0); });
      error = count < 0    ? make_error_code(boost::system::errc::io_error)
              : count == 0 ? make_error_code(boost::asio::error::eof)
                           : error_code();
      return count < 0 ? 0 : static_cast<size_t>(count);
    }
    error = {};
    return 0;
  }
  template <typename Buffers>
  size_t write_some(const Buffers& buffers, error_code& error) {
    for (const auto buffer : beast::buffers_range_ref(buffers)) {
      if (buffer.size() == 0) continue;
      const ssize_t count =
          Retry(POLLOUT, [&] { return ::send(fd_, buffer.data(), buffer.size(), MSG_NOSIGNAL); });
      error = count < 0 ? make_error_code(boost::system::errc::io_error) : error_code();
      return count < 0 ? 0 : static_cast<size_t>(count);
    }
    error = {};
    return 0;
  }
  // Beast asks for the throwing forms too; it does not call them.
  template <typename Buffers>
  size_t read_some(const Buffers& buffers) {
    error_code error;
    return read_some(buffers, error);
  }
  template <typename Buffers>
  size_t write_some(const Buffers& buffers) {
    error_code error;
    return write_some(buffers, error);
  }

 private:
  template <typename Call>
  ssize_t Retry(short events, Call call) {
    while (true) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline_ - Clock::now()).count();
      pollfd poll{.fd = fd_, .events = events, .revents = 0};
      const int ready = left <= 0 ? 0 : ::poll(&poll, 1, static_cast<int>(left));
      if (ready < 0 && errno == EINTR) continue;
      if (ready <= 0) return -1;
      const ssize_t count = call();
      if (count >= 0 || (errno != EINTR && errno != EAGAIN)) return count;
    }
  }

  int fd_;
  Clock::time_point deadline_;
};

void ServeOne(int fd, const RestServer::Handler& handler) {
  Stream stream(fd);
  stream.SetDeadline(kRequestTime);
  beast::flat_buffer buffer(kMaxRestHeaders + kMaxRestBody);
  http::request_parser<http::string_body> parser;
  parser.header_limit(kMaxRestHeaders);
  parser.body_limit(kMaxRestBody);
  error_code error;
  http::read(stream, buffer, parser, error);
  RestResponse answer;
  if (error == http::error::header_limit || error == http::error::body_limit ||
      error == http::error::buffer_overflow) {
    answer = {.status = 413, .content_type = "text/plain", .body = SecretBytes(std::string("too large"))};
  } else if (error && error.category() == http::make_error_code(http::error::bad_method).category() &&
             error != http::error::end_of_stream && error != http::error::partial_message) {
    answer = {.status = 400, .content_type = "text/plain", .body = SecretBytes(std::string("BAD REQUEST"))};
  } else if (error) {
    return;  // nobody is there to be answered
  } else {
    answer = handler(
        {.method = std::string(parser.get().method_string()), .target = std::string(parser.get().target())});
  }
  http::response<http::span_body<const char>> message;
  message.version(11);
  message.result(answer.status);
  message.set(http::field::content_type,
              beast::string_view(answer.content_type.data(), answer.content_type.size()));
  message.set(http::field::cache_control, "no-store");
  message.keep_alive(false);
  message.body() = beast::span<const char>(answer.body.view().data(), answer.body.size());
  message.prepare_payload();
  stream.SetDeadline(kAnswerTime);
  http::write(stream, message, error);
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
