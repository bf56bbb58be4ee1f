// SPDX-License-Identifier: Apache-2.0
#include "trustee/kbs/http_server.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/socket.h>

#include <array>

#include "base/log.h"
#include "base/socket.h"
#include "base/status.h"
#include "base/tcp.h"
#include "http/beast_stream.h"
#include "trustee/kbs/error.h"

namespace cc::trustee {
namespace {

namespace beast = boost::beast;
namespace bhttp = boost::beast::http;
using beast::error_code;
using Stream = http::BeastStream<Connection>;

constexpr size_t kStackSize = 1 << 20;
constexpr size_t kReadAhead = 64 << 10;
constexpr size_t kDrainBytes = 16 << 20;
constexpr std::chrono::milliseconds kDrainTime(2000);

std::string Header(const bhttp::fields& fields, bhttp::field name) {
  const auto value = fields.find(name);
  return value == fields.end() ? std::string() : std::string(value->value());
}

// What to tell a client whose request could not be read; status 0: nothing, it is gone.
HttpResponse ReadFailure(const error_code& error) {
  HttpResponse none;
  none.status = 0;
  if (error == bhttp::error::end_of_stream || error == boost::asio::error::eof ||
      error == bhttp::error::partial_message || error == make_error_code(boost::system::errc::io_error)) {
    return none;
  }
  if (error == bhttp::error::body_limit) {
    return ErrorResponse(KbsErrorType::kPayloadTooLarge, "the body is longer than this service accepts");
  }
  if (error == bhttp::error::header_limit || error == bhttp::error::buffer_overflow) {
    return ErrorResponse(KbsErrorType::kPayloadTooLarge, "the headers are longer than this service accepts",
                         431);
  }
  return ErrorResponse(KbsErrorType::kSerde, "this is no HTTP/1.1 request");
}

bool Send(Stream& stream, const HttpResponse& response, unsigned version, bool keep_alive) {
  bhttp::response<bhttp::string_body> message;
  message.version(version);
  message.result(response.status);
  if (!response.content_type.empty()) message.set(bhttp::field::content_type, response.content_type);
  message.set(bhttp::field::cache_control, "no-store");
  for (const auto& [name, value] : response.headers) message.insert(name, value);
  message.body() = response.body;
  message.keep_alive(keep_alive);
  message.prepare_payload();
  error_code error;
  bhttp::write(stream, message, error);
  return !error;
}

// Takes what the client is still sending: closing at once would reset the connection and lose the answer.
void Drain(Connection& connection) {
  std::array<char, 16384> discarded;
  connection.SetDeadline(kDrainTime);
  for (size_t total = 0; total < kDrainBytes;) {
    const absl::StatusOr<size_t> count = connection.Read(discarded.data(), discarded.size());
    if (!count.ok() || *count == 0) return;
    total += *count;
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(UniqueFd listener,
                                                              std::shared_ptr<TlsServer> tls,
                                                              HttpLimits limits, Handler handler) {
  ::signal(SIGPIPE, SIG_IGN);
  std::unique_ptr<HttpServer> server(
      new HttpServer(std::move(listener), std::move(tls), limits, std::move(handler)));
  CC_ASSIGN_OR_RETURN(server->acceptor_,
                      Thread::Start("http-accept", [raw = server.get()] { raw->AcceptAll(); }));
  return server;
}

void HttpServer::Stop() {
  if (stopping_.exchange(true)) return;
  ::shutdown(listener_.get(), SHUT_RDWR);
  acceptor_.Join();
  std::list<Worker> ending;
  {
    const std::lock_guard lock(mutex_);
    // Only reading ends: an answer in work is still sent.
    for (Worker& worker : workers_) ::shutdown(worker.fd.get(), SHUT_RD);
    ending.splice(ending.end(), workers_);
  }
  for (Worker& worker : ending) worker.thread.Join();
}

void HttpServer::AcceptAll() {
  // Held back for the moment when the process has no descriptor left: then a client is taken and sent away,
  // where it would otherwise wait in the queue and wake this loop without end.
  UniqueFd spare(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  while (!stopping_) {
    absl::StatusOr<UniqueFd> fd = Accept(listener_.get());
    if (fd.ok()) {
      Admit(*std::move(fd));
      continue;
    }
    if (stopping_ || absl::IsCancelled(fd.status())) return;
    log::Error("connection refused", {{"error", fd.status()}});
    spare.reset();
    Accept(listener_.get()).status().IgnoreError();
    spare.reset(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  }
}

bool HttpServer::MakeRoom(const std::string& peer) {
  const auto held = per_address_.find(peer);
  const bool address_full = held != per_address_.end() && held->second >= limits_.per_address;
  if (!address_full && workers_.size() < limits_.connections) return true;
  for (Worker& worker : workers_) {
    if (worker.done || (address_full && worker.peer != peer) || !worker.idle.exchange(false)) continue;
    // A client that sends at this very moment sees the connection end before an answer, and takes a new one.
    ::shutdown(worker.fd.get(), SHUT_RD);
    return true;
  }
  return false;
}

void HttpServer::Admit(UniqueFd fd) {
  std::list<Worker> ended;  // joined after the lock is given back
  const std::string peer = PeerHost(fd.get());
  const std::lock_guard lock(mutex_);
  for (auto worker = workers_.begin(); worker != workers_.end();) {
    const auto current = worker++;
    if (current->done) ended.splice(ended.end(), workers_, current);
  }
  if (!MakeRoom(peer)) {
    log::Warning("connection refused: too many", {{"peer", peer}, {"open", workers_.size()}});
    return;
  }
  // Answers are written whole; waiting for acknowledgements would add 40 ms to each.
  const int on = 1;
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  unsigned& held = ++per_address_[peer];
  Worker& worker = workers_.emplace_back();
  worker.fd = std::move(fd);
  worker.peer = peer;
  absl::StatusOr<Thread> thread = Thread::Start(
      "http",
      [this, &worker] {
        {
          Connection connection(worker.fd.get(), tls_.get());
          Serve(connection, worker);
        }
        ::shutdown(worker.fd.get(), SHUT_RDWR);
        const std::lock_guard done_lock(mutex_);
        if (--per_address_[worker.peer] == 0) per_address_.erase(worker.peer);
        worker.done = true;
      },
      kStackSize);
  if (thread.ok()) {
    worker.thread = *std::move(thread);
    return;
  }
  log::Error("connection refused", {{"peer", peer}, {"error", thread.status()}});
  if (--held == 0) per_address_.erase(peer);
  workers_.pop_back();
}

void HttpServer::Serve(Connection& connection, Worker& worker) {
  beast::flat_buffer buffer(limits_.headers + kReadAhead);
  while (!stopping_ && ServeOne(connection, worker, &buffer)) worker.idle = buffer.size() == 0;
  connection.Finish();
}

bool HttpServer::ServeOne(Connection& connection, Worker& worker, void* raw_buffer) {
  const std::string& peer = worker.peer;
  auto& buffer = *static_cast<beast::flat_buffer*>(raw_buffer);
  Stream stream(connection);
  error_code error;
  bhttp::request_parser<bhttp::string_body> parser;
  parser.header_limit(static_cast<uint32_t>(limits_.headers));
  parser.body_limit(limits_.body);

  connection.SetDeadline(limits_.header_time);
  bhttp::read_header(stream, buffer, parser, error);
  worker.idle = false;
  if (!error && beast::iequals(Header(parser.get(), bhttp::field::expect), "100-continue")) {
    bhttp::response<bhttp::empty_body> go_on(bhttp::status::continue_, 11);
    bhttp::write(stream, go_on, error);
  }
  if (!error) {
    connection.SetDeadline(limits_.body_time);
    bhttp::read(stream, buffer, parser, error);
  }
  connection.SetDeadline(limits_.write_time);
  if (error) {
    const HttpResponse answer = ReadFailure(error);
    if (answer.status != 0 && Send(stream, answer, 11, /*keep_alive=*/false)) Drain(connection);
    return false;
  }
  auto message = parser.release();
  const bool keep_alive = message.keep_alive() && !stopping_;
  if (!rate_.Allow(peer, std::chrono::steady_clock::now())) {
    return Send(stream, ErrorResponse(KbsErrorType::kRateLimited, "too many requests from this address"),
                message.version(), keep_alive) &&
           keep_alive;
  }
  if (message.count(bhttp::field::authorization) > 1 || message.count(bhttp::field::cookie) > 1) {
    Send(stream, ErrorResponse(KbsErrorType::kSerde, "a header appears twice"), message.version(), false);
    return false;
  }
  HttpRequest request{.method = std::string(message.method_string()),
                      .target = std::string(message.target()),
                      .cookie = Header(message, bhttp::field::cookie),
                      .authorization = Header(message, bhttp::field::authorization),
                      .body = std::move(message.body()),
                      .peer = peer};
  const HttpResponse response = handler_(request);
  return Send(stream, response, message.version(), keep_alive) && keep_alive;
}

}  // namespace cc::trustee
