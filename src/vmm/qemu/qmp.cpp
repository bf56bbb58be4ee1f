// SPDX-License-Identifier: Apache-2.0
#include "vmm/qemu/qmp.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <nlohmann/json.hpp>

#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"

namespace cc::vmm::qemu {
namespace {

using nlohmann::json;

// The member `name` of an object as text; empty when it is absent or of another type.
std::string Text(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Qmp>> Qmp::Create(EventLoop* loop, UniqueFd socket) {
  std::unique_ptr<Qmp> qmp(new Qmp(loop, std::move(socket)));
  Qmp* self = qmp.get();
  CC_RETURN_IF_ERROR(loop->Add(self->socket_.get(), EPOLLIN, [self](uint32_t) { self->Drain(); }));
  // QEMU answers after its greeting; commands sent meanwhile wait in the socket.
  CC_RETURN_IF_ERROR(self->Send("qmp_capabilities", 0));
  return qmp;
}

Qmp::~Qmp() { loop_->Remove(socket_.get()); }

absl::Status Qmp::Send(std::string_view command, uint64_t id) {
  const std::string line = json{{"execute", std::string(command)}, {"id", id}}.dump() + "\n";
  const ssize_t n = ::send(socket_.get(), line.data(), line.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (n == static_cast<ssize_t>(line.size())) return absl::OkStatus();
  return absl::UnavailableError(StrCat("qemu takes no command (", command, "): it is gone or hangs"));
}

absl::Status Qmp::Execute(std::string_view command, std::chrono::milliseconds timeout) {
  uint64_t id;
  {
    std::lock_guard lock(mutex_);
    if (closed_) return absl::UnavailableError(StrCat("qemu is gone; ", command, " was not run"));
    id = next_id_++;
    pending_.emplace(id, std::nullopt);
  }
  const absl::Status sent = Send(command, id);
  std::unique_lock lock(mutex_);
  std::optional<absl::Status>& answer = pending_.at(id);
  if (!sent.ok()) answer = sent;
  const bool done = answered_.wait_for(lock, timeout, [&] { return answer.has_value() || closed_; });
  absl::Status result = answer.has_value() ? *answer
                        : done             ? absl::UnavailableError(StrCat("qemu ended during ", command))
                               : absl::DeadlineExceededError(StrCat("qemu did not answer ", command));
  pending_.erase(id);
  return result;
}

std::optional<std::string> Qmp::shutdown_reason() const {
  std::lock_guard lock(mutex_);
  return shutdown_reason_;
}

void Qmp::Close() {
  loop_->Remove(socket_.get());
  ::shutdown(socket_.get(), SHUT_RDWR);
  std::lock_guard lock(mutex_);
  closed_ = true;
  answered_.notify_all();
}

void Qmp::Drain() {
  std::array<char, 4096> buffer;
  while (true) {
    const ssize_t n = ::recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) return Close();
    input_.append(buffer.data(), static_cast<size_t>(n));
    size_t start = 0;
    for (size_t end; (end = input_.find('\n', start)) != std::string::npos; start = end + 1) {
      HandleLine(std::string_view(input_).substr(start, end - start));
    }
    input_.erase(0, start);
    if (input_.size() > kMaxLine) {
      log::Error("qemu sent an endless control line");
      return Close();
    }
  }
}

void Qmp::HandleLine(std::string_view line) {
  const json message = json::parse(line, nullptr, false);
  if (!message.is_object()) return;
  std::lock_guard lock(mutex_);
  if (Text(message, "event") == "SHUTDOWN") {
    const auto data = message.find("data");
    if (data != message.end() && data->is_object()) shutdown_reason_ = Text(*data, "reason");
    return;
  }
  const auto id = message.find("id");
  if (id == message.end() || !id->is_number_unsigned()) return;
  const auto pending = pending_.find(id->get<uint64_t>());
  if (pending == pending_.end()) return;
  const auto error = message.find("error");
  if (error == message.end()) {
    pending->second = absl::OkStatus();
  } else {
    pending->second = absl::FailedPreconditionError(
        StrCat("qemu refused: ", error->is_object() ? Text(*error, "desc") : std::string("unknown error")));
  }
  answered_.notify_all();
}

}  // namespace cc::vmm::qemu
