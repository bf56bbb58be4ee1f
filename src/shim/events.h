// SPDX-License-Identifier: Apache-2.0
// Task events on their way to containerd, in the order in which they happened.
#ifndef CC_SHIM_EVENTS_H_
#define CC_SHIM_EVENTS_H_

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "absl/status/status.h"
#include "containerd/types.pb.h"
#include "google/protobuf/message_lite.h"

namespace cc::shim {

// Thread-safe. One thread sends; a failing event is tried again a few times, then dropped with a log line, so
// that a containerd that is away for a while delays events and never blocks the pod.
class EventPublisher {
 public:
  using Forward = std::function<absl::Status(const containerd::types::Envelope&)>;

  // The real way: ttrpc to `address`, reconnecting when containerd restarts. Empty address: events are
  // logged.
  static Forward ForwardTo(std::string address);

  EventPublisher(std::string namespace_name, Forward forward,
                 std::chrono::milliseconds retry_delay = std::chrono::seconds(1));
  ~EventPublisher();  // Close

  // `topic` such as "/tasks/start", `event` a containerd.events message of type "containerd.events.<type>".
  void Publish(std::string_view topic, std::string_view type, const google::protobuf::MessageLite& event);

  // Sends what is queued, for at most `limit`, and stops. Idempotent.
  void Close(std::chrono::milliseconds limit = std::chrono::seconds(5));

 private:
  void Run();
  // False when closing time has passed.
  bool SendWithRetries(const containerd::types::Envelope& envelope);
  bool WaitBeforeRetry(int attempt);

  const std::string namespace_;
  const Forward forward_;
  const std::chrono::milliseconds retry_delay_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<containerd::types::Envelope> queue_;
  bool closing_ = false;
  std::chrono::steady_clock::time_point close_deadline_;
  std::thread thread_;
};

}  // namespace cc::shim

#endif  // CC_SHIM_EVENTS_H_
