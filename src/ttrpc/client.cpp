// SPDX-License-Identifier: Apache-2.0
// Callers write their own frames, one after the other; a reader thread hands each answer to the caller that
// waits for its stream.
#include "ttrpc/client.h"

#include <sys/socket.h>

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <limits>
#include <mutex>
#include <unordered_map>

#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "base/thread.h"
#include "ttrpc/envelope.h"
#include "ttrpc/frame.h"
#include "ttrpc/time.h"
#include "ttrpc/ttrpc.pb.h"

namespace cc::ttrpc {
namespace {

// A call that waits for its answer. Lives on the caller's stack; guarded by State::mutex.
struct Pending {
  std::condition_variable answered;
  std::optional<absl::StatusOr<std::string>> answer;
};

std::string EncodeRequest(std::string_view service, std::string_view method, std::string_view payload,
                          const CallOptions& options) {
  ::ttrpc::Request request;
  request.set_service(std::string(service));
  request.set_method(std::string(method));
  request.set_payload(payload.data(), payload.size());
  if (options.timeout) request.set_timeout_nano(options.timeout->count());
  for (const auto& [key, value] : options.metadata) {
    ::ttrpc::KeyValue* entry = request.add_metadata();
    entry->set_key(key);
    entry->set_value(value);
  }
  return request.SerializeAsString();
}

absl::Status TimeIsUp(std::string_view service, std::string_view method) {
  return absl::DeadlineExceededError(StrCat("call ", service, "/", method, ": no answer in time"));
}

}  // namespace

struct Client::State {
  explicit State(UniqueFd connection) : fd(std::move(connection)), writer(fd.get()) {}

  absl::StatusOr<std::string> Call(std::string_view body, FrameWriter::Deadline deadline,
                                   const absl::Status& late);
  absl::Status Send(std::string_view body, FrameWriter::Deadline deadline, const absl::Status& late,
                    Pending& pending, uint32_t& stream);
  void Read();
  absl::Status ReadFrame(FrameReader& reader);
  void Answer(uint32_t stream, absl::StatusOr<std::string> answer);
  bool IsPending(uint32_t stream);
  // The first cause stays.
  void End(const absl::Status& cause);
  void RunCloseCallbacks();

  const UniqueFd fd;
  Thread reader;  // touched by the constructor and the destructor of Client only

  FrameWriter writer;  // belongs to the call that set `sending`, so that no lock is held while it blocks

  std::mutex mutex;  // guards what follows
  bool sending = false;
  std::condition_variable turn;  // nobody sends, or the connection has ended
  std::unordered_map<uint32_t, Pending*> pending_calls;
  uint64_t next_stream = 1;
  absl::Status end;  // not OK once the connection has ended
  bool reader_ended = false;
  std::vector<std::function<void()>> close_callbacks;
};

Client::Client(UniqueFd connection) : state_(std::make_shared<State>(std::move(connection))) {
  absl::StatusOr<Thread> reader = Thread::Start("ttrpc-client", [state = state_] {
    state->Read();
    state->RunCloseCallbacks();
  });
  if (reader.ok()) {
    state_->reader = std::move(*reader);
  } else {
    state_->End(reader.status());
    state_->RunCloseCallbacks();
  }
}

Client::~Client() {
  Close();
  // A close callback may hold the last reference to this client.
  if (state_->reader.IsCurrent()) {
    state_->reader.Detach();
  } else {
    state_->reader.Join();
  }
}

void Client::Close() { state_->End(absl::CancelledError("closed by this side")); }

void Client::OnClose(std::function<void()> callback) {
  {
    std::lock_guard lock(state_->mutex);
    if (!state_->reader_ended) {
      state_->close_callbacks.push_back(std::move(callback));
      return;
    }
  }
  callback();
}

absl::StatusOr<std::string> Client::CallRaw(std::string_view service, std::string_view method,
                                            std::string_view payload, const CallOptions& options) {
  const FrameWriter::Deadline deadline = DeadlineAfter(options.timeout);
  const std::string body = EncodeRequest(service, method, payload, options);
  if (body.size() > kMaxBody) {
    return absl::ResourceExhaustedError(StrCat("call ", service, "/", method, ": request of ", body.size(),
                                               " bytes is above the ttrpc limit of ", kMaxBody));
  }
  const std::shared_ptr<State> state = state_;
  return state->Call(body, deadline, TimeIsUp(service, method));
}

absl::StatusOr<std::string> Client::State::Call(std::string_view body, FrameWriter::Deadline deadline,
                                                const absl::Status& late) {
  Pending pending;
  uint32_t stream = 0;
  const absl::Status sent = Send(body, deadline, late, pending, stream);
  if (stream == 0) return sent;

  std::unique_lock lock(mutex);
  const auto answered = [&] { return pending.answer.has_value(); };
  if (!sent.ok()) {
    // Nothing to wait for, unless the end of the connection was told to this call already.
  } else if (deadline) {
    pending.answered.wait_until(lock, *deadline, answered);
  } else {
    pending.answered.wait(lock, answered);
  }
  pending_calls.erase(stream);
  if (pending.answer) return std::move(*pending.answer);
  return sent.ok() ? late : sent;
}

// Sets `stream` once `pending` is registered; then the caller must take it out again. Ids are given out in
// the order of sending, since a server refuses one that is below an earlier one.
absl::Status Client::State::Send(std::string_view body, FrameWriter::Deadline deadline,
                                 const absl::Status& late, Pending& pending, uint32_t& stream) {
  if (deadline && std::chrono::steady_clock::now() >= *deadline) return late;
  {
    std::unique_lock lock(mutex);
    const auto may_go = [&] { return !sending || !end.ok(); };
    if (!deadline) {
      turn.wait(lock, may_go);
    } else if (!turn.wait_until(lock, *deadline, may_go)) {
      return late;
    }
    if (!end.ok()) return end;
    if (next_stream > std::numeric_limits<uint32_t>::max()) {
      turn.notify_one();
      return absl::UnavailableError("all stream ids of the ttrpc connection are used; connect again");
    }
    sending = true;
    stream = static_cast<uint32_t>(next_stream);
    next_stream += 2;
    pending_calls.emplace(stream, &pending);
  }
  const absl::Status sent = writer.Write({.stream = stream, .type = kTypeRequest}, body, deadline);
  {
    std::lock_guard lock(mutex);
    sending = false;
    turn.notify_one();
  }
  if (absl::IsDeadlineExceeded(sent)) return late;
  if (!sent.ok()) End(sent);
  return sent;
}

void Client::State::Read() {
  FrameReader frames(fd.get());
  while (true) {
    if (absl::Status status = ReadFrame(frames); !status.ok()) {
      End(status);
      return;
    }
  }
}

absl::Status Client::State::ReadFrame(FrameReader& frames) {
  CC_ASSIGN_OR_RETURN(const FrameHeader header, frames.ReadHeader());
  // An answer that came too late, a stream we never opened or a type we do not know.
  const bool known = header.type == kTypeResponse || header.type == kTypeData;
  if (!known || !IsPending(header.stream)) return frames.SkipBody(header.length);
  if (header.length > kMaxBody) {
    Answer(header.stream, absl::ResourceExhaustedError(StrCat(
                              "answer of ", header.length, " bytes is above the ttrpc limit of ", kMaxBody)));
    return frames.SkipBody(header.length);
  }
  if (header.type == kTypeData) {
    Answer(header.stream, absl::InternalError("the peer sent stream data as answer to a unary call"));
    return frames.SkipBody(header.length);
  }
  CC_ASSIGN_OR_RETURN(const std::string body, frames.ReadBody(header.length));
  Answer(header.stream, DecodeResponse(body));
  return absl::OkStatus();
}

bool Client::State::IsPending(uint32_t stream) {
  std::lock_guard lock(mutex);
  return pending_calls.contains(stream);
}

void Client::State::Answer(uint32_t stream, absl::StatusOr<std::string> answer) {
  std::lock_guard lock(mutex);
  const auto found = pending_calls.find(stream);
  if (found == pending_calls.end()) return;
  found->second->answer = std::move(answer);
  found->second->answered.notify_one();
  pending_calls.erase(found);
}

void Client::State::End(const absl::Status& cause) {
  {
    std::lock_guard lock(mutex);
    if (!end.ok()) return;
    end = absl::UnavailableError(StrCat("ttrpc connection ended: ", cause.message()));
    for (const auto& [stream, pending] : pending_calls) {
      pending->answer = end;
      pending->answered.notify_one();
    }
    pending_calls.clear();
    turn.notify_all();
  }
  // Wakes the reader and a blocked writer; the descriptor itself lives until both have let go.
  ::shutdown(fd.get(), SHUT_RDWR);
}

void Client::State::RunCloseCallbacks() {
  std::vector<std::function<void()>> callbacks;
  {
    std::lock_guard lock(mutex);
    reader_ended = true;
    callbacks.swap(close_callbacks);
  }
  for (const std::function<void()>& callback : callbacks) callback();
}

}  // namespace cc::ttrpc
