// SPDX-License-Identifier: Apache-2.0
#include "shim/events.h"

#include "base/log.h"
#include "base/socket.h"
#include "base/status.h"
#include "base/strings.h"
#include "containerd/events_forward.pb.h"
#include "google/protobuf/empty.pb.h"
#include "shim/timestamp.h"
#include "ttrpc/client.h"

namespace cc::shim {
namespace {

constexpr size_t kMaxQueue = 2048;
constexpr int kAttempts = 6;
constexpr std::chrono::seconds kCallTimeout{5};

// One connection, remade after a failure. Used by the publisher's thread only.
class Connection {
 public:
  explicit Connection(std::string path) : path_(std::move(path)) {}

  absl::Status Forward(const containerd::types::Envelope& envelope) {
    if (client_ == nullptr) {
      CC_ASSIGN_OR_RETURN(UniqueFd fd, ConnectUnix(path_));
      client_ = std::make_unique<ttrpc::Client>(std::move(fd));
    }
    containerd::services::events::ttrpc::v1::ForwardRequest request;
    *request.mutable_envelope() = envelope;
    absl::Status status = client_
                              ->Call<google::protobuf::Empty>(
                                  "containerd.services.events.ttrpc.v1.Events", "Forward", request,
                                  {.timeout = kCallTimeout,
                                   .metadata = {{"containerd-namespace-ttrpc", envelope.namespace_()}}})
                              .status();
    if (!status.ok()) client_.reset();
    return status;
  }

 private:
  const std::string path_;
  std::unique_ptr<cc::ttrpc::Client> client_;
};

}  // namespace

EventPublisher::Forward EventPublisher::ForwardTo(std::string address) {
  constexpr std::string_view kScheme = "unix://";
  if (address.starts_with(kScheme)) address.erase(0, kScheme.size());
  if (address.empty()) {
    return [](const containerd::types::Envelope& envelope) {
      log::Info("event", {{"topic", envelope.topic()}});
      return absl::OkStatus();
    };
  }
  auto connection = std::make_shared<Connection>(std::move(address));
  return [connection](const containerd::types::Envelope& envelope) { return connection->Forward(envelope); };
}

EventPublisher::EventPublisher(std::string namespace_name, Forward forward,
                               std::chrono::milliseconds retry_delay)
    : namespace_(std::move(namespace_name)),
      forward_(std::move(forward)),
      retry_delay_(retry_delay),
      thread_([this] { Run(); }) {}

EventPublisher::~EventPublisher() { Close(); }

void EventPublisher::Publish(std::string_view topic, std::string_view type,
                             const google::protobuf::MessageLite& event) {
  containerd::types::Envelope envelope;
  *envelope.mutable_timestamp() = Now();
  envelope.set_namespace_(namespace_);
  envelope.set_topic(std::string(topic));
  envelope.mutable_event()->set_type_url(StrCat("containerd.events.", type));
  event.SerializeToString(envelope.mutable_event()->mutable_value());
  {
    const std::lock_guard lock(mutex_);
    if (queue_.size() < kMaxQueue) {
      queue_.push_back(std::move(envelope));
      changed_.notify_all();
      return;
    }
  }
  log::Error("event dropped, too many wait for containerd", {{"topic", topic}});
}

void EventPublisher::Close(std::chrono::milliseconds limit) {
  {
    const std::lock_guard lock(mutex_);
    if (!closing_) {
      closing_ = true;
      close_deadline_ = std::chrono::steady_clock::now() + limit;
    }
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void EventPublisher::Run() {
  while (true) {
    containerd::types::Envelope envelope;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return closing_ || !queue_.empty(); });
      if (queue_.empty()) return;
      envelope = std::move(queue_.front());
      queue_.pop_front();
    }
    if (!SendWithRetries(envelope)) return;
  }
}

bool EventPublisher::SendWithRetries(const containerd::types::Envelope& envelope) {
  for (int attempt = 1;; ++attempt) {
    const absl::Status status = forward_(envelope);
    if (status.ok()) return true;
    if (attempt == kAttempts) {
      log::Error("event dropped", {{"topic", envelope.topic()}, {"error", status}});
      return true;
    }
    log::Warning("event not delivered yet", {{"topic", envelope.topic()}, {"error", status}});
    if (!WaitBeforeRetry(attempt)) return false;
  }
}

bool EventPublisher::WaitBeforeRetry(int attempt) {
  std::unique_lock lock(mutex_);
  const auto wake = std::chrono::steady_clock::now() + retry_delay_ * attempt;
  changed_.wait_until(lock, wake, [this] { return closing_; });
  if (!closing_) return true;
  const auto last = std::min(wake, close_deadline_);
  changed_.wait_until(lock, last, [] { return false; });
  return std::chrono::steady_clock::now() < close_deadline_;
}

}  // namespace cc::shim
