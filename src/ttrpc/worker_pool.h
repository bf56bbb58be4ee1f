// SPDX-License-Identifier: Apache-2.0
// Threads for tasks that may block for hours: every accepted task has a thread at once, tasks start in the
// order of Run, a thread without work stays for `idle_time` and then ends. Thread-safe.
#ifndef CC_TTRPC_WORKER_POOL_H_
#define CC_TTRPC_WORKER_POOL_H_

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <list>
#include <mutex>

#include "absl/status/status.h"
#include "base/thread.h"

namespace cc::ttrpc {

class WorkerPool {
 public:
  explicit WorkerPool(std::chrono::milliseconds idle_time = std::chrono::seconds(10));
  ~WorkerPool();  // Stop
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // ResourceExhausted when no thread can be made, Cancelled after Stop; the task does not run then.
  absl::Status Run(std::function<void()> task);

  // Takes no more tasks, waits for those accepted and ends all threads. Not from a worker. Idempotent.
  void Stop();
  // The same, but gives up waiting after `patience`: false when tasks still run then.
  bool Stop(std::chrono::milliseconds patience);

  // Whether the calling thread is one of this pool's.
  bool IsWorker() const;

  // Threads that have not ended.
  size_t size() const;

 private:
  void Work(std::list<Thread>::iterator self);

  const std::chrono::milliseconds idle_time_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;     // a task or the stop
  std::condition_variable changed_;  // a thread has ended
  std::deque<std::function<void()>> tasks_;
  size_t free_ = 0;  // threads that wait for a task or are about to; never less than tasks_.size()
  bool stopped_ = false;
  std::list<Thread> threads_;
  std::list<Thread> ended_;  // to be joined
};

}  // namespace cc::ttrpc

#endif  // CC_TTRPC_WORKER_POOL_H_
