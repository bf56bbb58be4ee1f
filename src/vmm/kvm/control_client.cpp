// SPDX-License-Identifier: Apache-2.0
#include "vmm/kvm/control_client.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <utility>

#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"

namespace cc::vmm::kvm {

using nlohmann::json;

absl::StatusOr<std::unique_ptr<ControlClient>> ControlClient::Create(EventLoop* loop, UniqueFd socket) {
  std::unique_ptr<ControlClient> client(new ControlClient(loop, std::move(socket)));
  ControlClient* self = client.get();
  CC_RETURN_IF_ERROR(loop->Add(self->socket_.get(), EPOLLIN, [self](uint32_t) { self->Drain(); }));
  return client;
}

ControlClient::~ControlClient() { loop_->Remove(socket_.get()); }

absl::Status ControlClient::Call(json message, std::chrono::milliseconds timeout) {
  const std::string verb = TextOf(message, "verb");
  uint64_t id;
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return absl::UnavailableError(StrCat("cc-vmm is gone; ", verb, " was not done"));
    id = next_id_++;
    pending_.emplace(id, std::nullopt);
  }
  message["id"] = id;
  absl::Status sent;
  {
    const std::lock_guard lock(send_mutex_);
    sent = SendMessage(socket_.get(), message);
  }
  std::unique_lock lock(mutex_);
  std::optional<absl::Status>& answer = pending_.at(id);
  if (!sent.ok()) answer = sent;
  const bool done = answered_.wait_for(lock, timeout, [&] { return answer.has_value() || closed_; });
  absl::Status result = answer.has_value() ? *answer
                        : done             ? absl::UnavailableError(StrCat("cc-vmm ended during ", verb))
                               : absl::DeadlineExceededError(StrCat("cc-vmm did not answer ", verb));
  pending_.erase(id);
  return result;
}

std::optional<std::string> ControlClient::ending() const {
  const std::lock_guard lock(mutex_);
  return ending_;
}

void ControlClient::Close() {
  loop_->Remove(socket_.get());
  ::shutdown(socket_.get(), SHUT_RDWR);
  const std::lock_guard lock(mutex_);
  closed_ = true;
  answered_.notify_all();
}

void ControlClient::Drain() {
  while (true) {
    absl::StatusOr<std::optional<json>> message = reader_.Next(socket_.get(), false);
    if (!message.ok()) {
      if (!absl::IsUnavailable(message.status())) {
        log::Error("cc-vmm broke the control protocol", {{"error", message.status()}});
      }
      return Close();
    }
    if (!message->has_value()) return;
    Handle(**message);
  }
}

void ControlClient::Handle(const json& message) {
  const std::lock_guard lock(mutex_);
  if (message.contains("ended")) {
    ending_ = TextOf(message, "ended");
    return;
  }
  const auto pending = pending_.find(NumberOf(message, "id"));
  if (pending == pending_.end()) return;
  pending->second = StatusOf(message);
  answered_.notify_all();
}

}  // namespace cc::vmm::kvm
