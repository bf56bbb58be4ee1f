// SPDX-License-Identifier: Apache-2.0
// One connection of a server: reads frames, hands each request to a worker, writes the answers.
#ifndef CC_TTRPC_CONNECTION_H_
#define CC_TTRPC_CONNECTION_H_

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "absl/status/status.h"
#include "base/unique_fd.h"
#include "ttrpc/call.h"
#include "ttrpc/deadline_queue.h"
#include "ttrpc/frame.h"
#include "ttrpc/service_table.h"
#include "ttrpc/worker_pool.h"

namespace ttrpc {
class Request;
}

namespace cc::ttrpc {

// What the connections of a server share. It outlives their workers.
struct ServerParts {
  ServiceTable services;
  DeadlineQueue deadlines;
  WorkerPool workers;
};

// Limits that keep one peer from taking all threads or memory.
inline constexpr size_t kMaxCallsInFlight = 1024;
inline constexpr size_t kMaxBytesInFlight = 64 << 20;  // of request payloads

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(UniqueFd fd, ServerParts& parts);

  // Reads until the peer or Stop ends it, then cancels the calls in flight. One thread.
  void Run();

  // Thread-safe. StopReading lets Run return and cancels the calls, whose answers still go out;
  // Close ends writing as well.
  void StopReading();
  void Close();

 private:
  absl::Status HandleFrame();
  absl::Status HandleRequest(const FrameHeader& header);
  absl::Status Start(uint32_t stream, ::ttrpc::Request& request);
  absl::Status Admit(uint32_t stream, const std::shared_ptr<Call>& call, size_t bytes);
  void Remove(uint32_t stream, size_t bytes);
  void CancelAll();
  void Answer(uint32_t stream, const absl::Status& status, std::string&& payload = {});

  const UniqueFd fd_;
  ServerParts& parts_;
  FrameReader reader_;        // Run's thread only
  uint32_t last_stream_ = 0;  // Run's thread only

  std::mutex write_mutex_;  // guards writer_
  FrameWriter writer_;

  std::mutex mutex_;  // guards what follows
  std::unordered_map<uint32_t, std::shared_ptr<Call>> calls_;
  size_t bytes_in_flight_ = 0;
  bool stopping_ = false;  // this side ends the connection: answers are still wanted
  bool ended_ = false;     // no new calls
};

}  // namespace cc::ttrpc

#endif  // CC_TTRPC_CONNECTION_H_
