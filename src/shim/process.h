// SPDX-License-Identifier: Apache-2.0
// State of one process in a container: created -> running -> stopped, or created -> stopped.
#ifndef CC_SHIM_PROCESS_H_
#define CC_SHIM_PROCESS_H_

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "google/protobuf/timestamp.pb.h"
#include "kata/oci.pb.h"
#include "shim/pump.h"
#include "shim/stdio.h"
#include "ttrpc/server.h"

namespace cc::shim {

// Exit status of what ended with its guest, or was deleted before its start.
inline constexpr uint32_t kKilledStatus = 128 + 9;

enum class ProcessState { kCreated, kStarting, kRunning, kStopped };

struct ProcessExit {
  uint32_t status = 0;
  google::protobuf::Timestamp at;
};

struct ProcessStatus {
  ProcessState state = ProcessState::kCreated;
  ProcessExit exit;  // meaningful when stopped
};

// Owned by a shared_ptr. Thread-safe.
class Process : public std::enable_shared_from_this<Process> {
 public:
  // `exec_id` is empty for a container's init process.
  Process(std::string exec_id, StdioPaths paths, std::unique_ptr<StreamPump> streams, grpc::Process spec = {})
      : exec_id_(std::move(exec_id)),
        paths_(std::move(paths)),
        streams_(std::move(streams)),
        spec_(std::move(spec)) {}

  const std::string& exec_id() const { return exec_id_; }
  bool is_init() const { return exec_id_.empty(); }
  const StdioPaths& paths() const { return paths_; }
  StreamPump& streams() { return *streams_; }
  const grpc::Process& spec() const { return spec_; }

  ProcessStatus status() const;

  // created -> starting; FailedPrecondition from any other state.
  absl::Status BeginStart();
  // starting -> running. A start that failed ends in SetExited.
  void EndStart();
  // True for the first call: later ones change nothing. `announce` runs before anybody can see the new state,
  // with the lock held: what it queues comes before all that follows from the exit.
  bool SetExited(uint32_t status, const std::function<void(const ProcessExit&)>& announce = nullptr);
  // Something that happened to a process that is not running yet: killed before its start, or its VM died.
  void Abandon();

  // A start that is under way has ended, or `limit` has passed.
  void AwaitStart(std::chrono::milliseconds limit);
  // Blocks until the process runs or was abandoned; true when it runs (or has run).
  bool WaitStartedOrAbandoned();
  void WaitStopped();
  // Blocks until it has stopped. Cancelled when the caller of `call` goes first.
  absl::StatusOr<ProcessExit> WaitExit(const ttrpc::CallContext& call);

 private:
  const std::string exec_id_;
  const StdioPaths paths_;
  const std::unique_ptr<StreamPump> streams_;
  const grpc::Process spec_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  ProcessStatus status_;
  bool abandoned_ = false;
};

}  // namespace cc::shim

#endif  // CC_SHIM_PROCESS_H_
