// SPDX-License-Identifier: Apache-2.0
// Bad frames are answered as Go's ttrpc answers them, on the stream that they name, and the connection goes
// on.
#include "ttrpc/connection.h"

#include <sys/socket.h>

#include <optional>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "ttrpc/envelope.h"
#include "ttrpc/time.h"
#include "ttrpc/ttrpc.pb.h"

namespace cc::ttrpc {
namespace {

std::shared_ptr<Call> NewCall(const ::ttrpc::Request& request) {
  std::optional<std::chrono::nanoseconds> timeout;
  if (request.timeout_nano() != 0) timeout = std::chrono::nanoseconds(request.timeout_nano());
  Call::Metadata metadata;
  for (const ::ttrpc::KeyValue& entry : request.metadata()) metadata.emplace_back(entry.key(), entry.value());
  return std::make_shared<Call>(DeadlineAfter(timeout), std::move(metadata));
}

bool IsLate(const Call& call) {
  return call.deadline() && std::chrono::steady_clock::now() >= *call.deadline();
}

}  // namespace

Connection::Connection(UniqueFd fd, ServerParts& parts)
    : fd_(std::move(fd)), parts_(parts), reader_(fd_.get()), writer_(fd_.get()) {}

void Connection::Run() {
  absl::Status status;
  while (status.ok()) status = HandleFrame();
  if (absl::IsDataLoss(status)) log::Debug("ttrpc connection broke", {{"cause", status}});
  bool close = false;
  {
    std::lock_guard lock(mutex_);
    ended_ = true;
    close = !stopping_;
  }
  if (close) Close();
  CancelAll();
}

void Connection::StopReading() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    ended_ = true;
  }
  ::shutdown(fd_.get(), SHUT_RD);
  CancelAll();
}

// Wakes the reader and blocked writers; the descriptor lives until they have let go.
void Connection::Close() { ::shutdown(fd_.get(), SHUT_RDWR); }

absl::Status Connection::HandleFrame() {
  CC_ASSIGN_OR_RETURN(const FrameHeader header, reader_.ReadHeader());
  const uint32_t stream = header.stream;
  if (header.type == kTypeRequest && header.length <= kMaxBody && stream % 2 == 1 && stream > last_stream_) {
    return HandleRequest(header);
  }
  CC_RETURN_IF_ERROR(reader_.SkipBody(header.length));
  if (header.length > kMaxBody) {
    Answer(stream, absl::ResourceExhaustedError(StrCat("message length ", header.length,
                                                       " exceeds the maximum of ", kMaxBody, " bytes")));
  } else if (stream % 2 != 1) {
    Answer(stream, absl::InvalidArgumentError("stream id must be odd for client initiated streams"));
  } else if (header.type == kTypeRequest) {
    Answer(stream, absl::InvalidArgumentError("stream id cannot be re-used and must increment"));
  } else if (header.type == kTypeData && (header.flags & kFlagNoData) == 0) {
    Answer(stream, absl::InvalidArgumentError("stream takes no data: all methods are unary"));
  }
  // A bare end of stream tells nothing new about a unary call; other types are left to the future.
  return absl::OkStatus();
}

absl::Status Connection::HandleRequest(const FrameHeader& header) {
  const uint32_t stream = header.stream;
  last_stream_ = stream;
  ::ttrpc::Request request;
  {
    CC_ASSIGN_OR_RETURN(const std::string body, reader_.ReadBody(header.length));
    if (!request.ParseFromString(body)) {
      Answer(stream, absl::InvalidArgumentError("unmarshal request error: no ttrpc request"));
      return absl::OkStatus();
    }
  }
  absl::Status status;
  if ((header.flags & kFlagRemoteOpen) != 0) {
    status = absl::UnimplementedError(StrCat("method ", request.method(), " takes no stream"));
  } else {
    status = Start(stream, request);
  }
  if (!status.ok()) Answer(stream, status);
  return absl::OkStatus();
}

// Hands a request to a worker. An error is the answer; the handler does not run then.
absl::Status Connection::Start(uint32_t stream, ::ttrpc::Request& request) {
  CC_ASSIGN_OR_RETURN(const ServiceTable::Method* handler,
                      parts_.services.Find(request.service(), request.method()));
  const std::shared_ptr<Call> call = NewCall(request);
  if (IsLate(*call)) return absl::DeadlineExceededError("the deadline had passed when the call came");
  const size_t bytes = request.payload().size();
  CC_RETURN_IF_ERROR(Admit(stream, call, bytes));

  std::optional<DeadlineQueue::Key> timer;
  if (call->deadline()) {
    absl::StatusOr<DeadlineQueue::Key> added =
        parts_.deadlines.Add(*call->deadline(), [call] { call->Cancel(); });
    if (!added.ok()) {
      Remove(stream, bytes);
      return added.status();
    }
    timer = *added;
  }
  auto shared_request = std::make_shared<::ttrpc::Request>(std::move(request));
  absl::Status status = parts_.workers.Run([self = shared_from_this(), stream, call, handler, timer, bytes,
                                            request = std::move(shared_request)] {
    std::string response;
    absl::Status status = absl::DeadlineExceededError("the deadline had passed before the handler started");
    if (!IsLate(*call)) {
      status = self->parts_.services.Invoke(*handler, *call, request->service(), request->method(),
                                            request->payload(), response);
      if (IsLate(*call)) status = absl::DeadlineExceededError("the handler ended after the deadline");
    }
    if (timer) self->parts_.deadlines.Remove(*timer);
    call->Finish();
    request->Clear();
    self->Answer(stream, status, std::move(response));
    self->Remove(stream, bytes);
  });
  if (!status.ok()) {
    if (timer) parts_.deadlines.Remove(*timer);
    Remove(stream, bytes);
  }
  return status;
}

absl::Status Connection::Admit(uint32_t stream, const std::shared_ptr<Call>& call, size_t bytes) {
  std::lock_guard lock(mutex_);
  if (ended_) return absl::UnavailableError("the ttrpc server is shutting down");
  if (calls_.size() >= kMaxCallsInFlight) {
    return absl::ResourceExhaustedError(
        StrCat("more than ", kMaxCallsInFlight, " calls in flight on one connection"));
  }
  if (bytes_in_flight_ + bytes > kMaxBytesInFlight) {
    return absl::ResourceExhaustedError(
        StrCat("more than ", kMaxBytesInFlight, " bytes of requests in flight on one connection"));
  }
  calls_.emplace(stream, call);
  bytes_in_flight_ += bytes;
  return absl::OkStatus();
}

void Connection::Remove(uint32_t stream, size_t bytes) {
  std::lock_guard lock(mutex_);
  calls_.erase(stream);
  bytes_in_flight_ -= bytes;
}

void Connection::CancelAll() {
  std::vector<std::shared_ptr<Call>> calls;
  {
    std::lock_guard lock(mutex_);
    for (const auto& [stream, call] : calls_) calls.push_back(call);
  }
  for (const std::shared_ptr<Call>& call : calls) call->Cancel();
}

void Connection::Answer(uint32_t stream, const absl::Status& status, std::string&& payload) {
  const std::string body = EncodeResponse(status, std::move(payload));
  std::lock_guard lock(write_mutex_);
  // A peer that has gone needs no answer, and the reader notices its end by itself.
  const absl::Status sent = writer_.Write({.stream = stream, .type = kTypeResponse}, body);
  if (!sent.ok()) log::Debug("ttrpc answer dropped", {{"stream", stream}, {"cause", sent}});
}

}  // namespace cc::ttrpc
