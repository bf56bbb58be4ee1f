// SPDX-License-Identifier: Apache-2.0
#include "shim/grpc_client.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <optional>

#include "base/file.h"
#include "base/socket.h"
#include "base/status.h"
#include "base/strings.h"
#include "shim/percent.h"

namespace cc::shim {
namespace {

constexpr size_t kMaxAnswer = 4 << 20;
constexpr size_t kPrefix = 5;  // compression flag and length before each message

std::string Frame(std::string_view message) {
  std::string frame(kPrefix, '\0');
  for (size_t i = 0; i < 4; ++i) frame[1 + i] = static_cast<char>((message.size() >> (24 - 8 * i)) & 0xff);
  frame.append(message);
  return frame;
}

// The state of the one stream of a connection. Driven by nghttp2's callbacks.
class Call {
 public:
  explicit Call(std::string body) : body_(std::move(body)) {}

  absl::Status Begin(const std::string& path,
                     const std::vector<std::pair<std::string, std::string>>& metadata);
  // Sends what is pending; reads and processes once. Repeats until the stream has ended.
  absl::Status Run(int fd, std::chrono::milliseconds timeout);
  absl::StatusOr<std::string> Result() const;

 private:
  static Call& Of(void* user_data) { return *static_cast<Call*>(user_data); }
  static ssize_t OnReadBody(nghttp2_session*, int32_t, uint8_t* buffer, size_t size, uint32_t* flags,
                            nghttp2_data_source*, void* user_data);
  static int OnHeader(nghttp2_session*, const nghttp2_frame*, const uint8_t* name, size_t name_size,
                      const uint8_t* value, size_t value_size, uint8_t, void* user_data);
  static int OnData(nghttp2_session*, uint8_t, int32_t, const uint8_t* data, size_t size, void* user_data);
  static int OnClose(nghttp2_session*, int32_t, uint32_t error_code, void* user_data);

  absl::Status SendPending(int fd);

  std::unique_ptr<nghttp2_session, void (*)(nghttp2_session*)> session_{nullptr, nghttp2_session_del};
  std::string body_;
  size_t sent_ = 0;
  std::string answer_;
  std::optional<uint32_t> grpc_status_;
  std::string grpc_message_;
  std::string http_status_;
  bool too_large_ = false;
  bool ended_ = false;
};

ssize_t Call::OnReadBody(nghttp2_session*, int32_t, uint8_t* buffer, size_t size, uint32_t* flags,
                         nghttp2_data_source*, void* user_data) {
  Call& call = Of(user_data);
  const size_t n = std::min(size, call.body_.size() - call.sent_);
  std::memcpy(buffer, call.body_.data() + call.sent_, n);
  call.sent_ += n;
  if (call.sent_ == call.body_.size()) *flags |= NGHTTP2_DATA_FLAG_EOF;
  return static_cast<ssize_t>(n);
}

int Call::OnHeader(nghttp2_session*, const nghttp2_frame*, const uint8_t* name, size_t name_size,
                   const uint8_t* value, size_t value_size, uint8_t, void* user_data) {
  // SAFETY: nghttp2 gives octets, we look at them as characters.
  const std::string_view key(reinterpret_cast<const char*>(name), name_size);
  const std::string_view text(reinterpret_cast<const char*>(value), value_size);
  Call& call = Of(user_data);
  uint32_t number = 0;
  if (key == "grpc-status" && ParseNumber(text, &number)) call.grpc_status_ = number;
  if (key == "grpc-message") call.grpc_message_ = DecodePercent(text);
  if (key == ":status") call.http_status_ = text;
  return 0;
}

int Call::OnData(nghttp2_session*, uint8_t, int32_t, const uint8_t* data, size_t size, void* user_data) {
  Call& call = Of(user_data);
  if (call.answer_.size() + size > kMaxAnswer + kPrefix) {
    call.too_large_ = true;
    return NGHTTP2_ERR_CALLBACK_FAILURE;
  }
  call.answer_.append(reinterpret_cast<const char*>(data), size);  // SAFETY: octets as characters
  return 0;
}

int Call::OnClose(nghttp2_session*, int32_t, uint32_t, void* user_data) {
  Of(user_data).ended_ = true;
  return 0;
}

absl::Status Call::Begin(const std::string& path,
                         const std::vector<std::pair<std::string, std::string>>& metadata) {
  nghttp2_session_callbacks* raw = nullptr;
  if (nghttp2_session_callbacks_new(&raw) != 0) return absl::ResourceExhaustedError("out of memory");
  const std::unique_ptr<nghttp2_session_callbacks, void (*)(nghttp2_session_callbacks*)> callbacks(
      raw, nghttp2_session_callbacks_del);
  nghttp2_session_callbacks_set_on_header_callback(raw, OnHeader);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(raw, OnData);
  nghttp2_session_callbacks_set_on_stream_close_callback(raw, OnClose);
  nghttp2_session* session = nullptr;
  if (nghttp2_session_client_new(&session, raw, this) != 0)
    return absl::ResourceExhaustedError("out of memory");
  session_.reset(session);
  nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, nullptr, 0);

  std::vector<std::pair<std::string, std::string>> headers{
      {":method", "POST"},         {":scheme", "http"}, {":path", path},
      {":authority", "localhost"}, {"te", "trailers"},  {"content-type", "application/grpc"}};
  headers.insert(headers.end(), metadata.begin(), metadata.end());
  std::vector<nghttp2_nv> fields;
  for (auto& [name, value] : headers) {
    // SAFETY: nghttp2 copies name and value during submit and does not write to them.
    fields.push_back({.name = reinterpret_cast<uint8_t*>(name.data()),
                      .value = reinterpret_cast<uint8_t*>(value.data()),
                      .namelen = name.size(),
                      .valuelen = value.size(),
                      .flags = NGHTTP2_NV_FLAG_NONE});
  }
  const nghttp2_data_provider body{.source = {.ptr = nullptr}, .read_callback = OnReadBody};
  const int32_t stream =
      nghttp2_submit_request(session, nullptr, fields.data(), fields.size(), &body, nullptr);
  if (stream < 0) return absl::InternalError(StrCat("HTTP/2 request: ", nghttp2_strerror(stream)));
  return absl::OkStatus();
}

absl::Status Call::SendPending(int fd) {
  while (true) {
    const uint8_t* data = nullptr;
    const ssize_t n = nghttp2_session_mem_send(session_.get(), &data);
    if (n < 0) return absl::InternalError(StrCat("HTTP/2: ", nghttp2_strerror(static_cast<int>(n))));
    if (n == 0) return absl::OkStatus();
    // SAFETY: octets as characters
    CC_RETURN_IF_ERROR(SendFull(fd, {reinterpret_cast<const char*>(data), static_cast<size_t>(n)}));
  }
}

absl::Status Call::Run(int fd, std::chrono::milliseconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  std::array<char, 16384> buffer;
  while (!ended_) {
    CC_RETURN_IF_ERROR(SendPending(fd));
    if (ended_) break;
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    CC_RETURN_IF_ERROR(WaitReadable(fd, std::max(left, std::chrono::milliseconds(0))));
    CC_ASSIGN_OR_RETURN(const size_t n, ReadSome(fd, buffer));
    if (n == 0) return absl::UnavailableError("the server closed the connection before it answered");
    // SAFETY: characters as octets
    const ssize_t used =
        nghttp2_session_mem_recv(session_.get(), reinterpret_cast<const uint8_t*>(buffer.data()), n);
    if (too_large_) return absl::ResourceExhaustedError("the answer is larger than 4 MiB");
    if (used < 0) return absl::InternalError(StrCat("HTTP/2: ", nghttp2_strerror(static_cast<int>(used))));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> Call::Result() const {
  if (!grpc_status_.has_value()) {
    return absl::InternalError(StrCat("no gRPC status in the answer (HTTP status ", http_status_, ")"));
  }
  if (*grpc_status_ != 0) return absl::Status(static_cast<absl::StatusCode>(*grpc_status_), grpc_message_);
  if (answer_.size() < kPrefix || answer_[0] != 0)
    return absl::InternalError("the gRPC answer has no plain message");
  if (answer_ != Frame(std::string_view(answer_).substr(kPrefix))) {
    return absl::InternalError("the gRPC answer is not exactly one message");
  }
  return answer_.substr(kPrefix);
}

}  // namespace

absl::StatusOr<std::string> GrpcUnaryCall(const std::string& socket_path, const std::string& path,
                                          std::string_view message,
                                          const std::vector<std::pair<std::string, std::string>>& metadata,
                                          std::chrono::milliseconds timeout) {
  const std::string what = StrCat("call ", path, " on ", socket_path);
  absl::StatusOr<UniqueFd> fd = ConnectUnix(socket_path);
  if (!fd.ok()) return absl::UnavailableError(StrCat(what, ": ", MessageOf(fd.status())));
  Call call(Frame(message));
  CC_RETURN_IF_ERROR(Annotate(call.Begin(path, metadata), what));
  CC_RETURN_IF_ERROR(Annotate(call.Run(fd->get(), timeout), what));
  absl::StatusOr<std::string> result = call.Result();
  if (!result.ok()) return Annotate(result.status(), what);
  return result;
}

}  // namespace cc::shim
