// SPDX-License-Identifier: Apache-2.0
#include "ttrpc/worker_pool.h"

#include <utility>

namespace cc::ttrpc {
namespace {

// The pool that the current thread works for.
thread_local const WorkerPool* current_pool = nullptr;

}  // namespace

WorkerPool::WorkerPool(std::chrono::milliseconds idle_time) : idle_time_(idle_time) {}

WorkerPool::~WorkerPool() { Stop(); }

bool WorkerPool::IsWorker() const { return current_pool == this; }

size_t WorkerPool::size() const {
  std::lock_guard lock(mutex_);
  return threads_.size();
}

absl::Status WorkerPool::Run(std::function<void()> task) {
  std::lock_guard lock(mutex_);
  if (stopped_) return absl::CancelledError("the ttrpc server is shut down");
  if (tasks_.size() >= free_) {
    // The new thread waits for `mutex_`, so that its place in the list is known when it runs.
    const auto self = threads_.emplace(threads_.end());
    absl::StatusOr<Thread> thread = Thread::Start("ttrpc-worker", [this, self] { Work(self); });
    if (!thread.ok()) {
      threads_.erase(self);
      return thread.status();
    }
    *self = std::move(*thread);
    ++free_;
  }
  tasks_.push_back(std::move(task));
  wake_.notify_one();
  return absl::OkStatus();
}

void WorkerPool::Work(std::list<Thread>::iterator self) {
  current_pool = this;
  std::list<Thread> ended;  // joined on return, outside the lock
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait_for(lock, idle_time_, [&] { return stopped_ || !tasks_.empty(); });
    if (tasks_.empty()) break;
    std::function<void()> task = std::move(tasks_.front());
    tasks_.pop_front();
    --free_;
    lock.unlock();
    task();
    task = nullptr;
    lock.lock();
    ++free_;
  }
  --free_;
  ended.swap(ended_);
  ended_.splice(ended_.end(), threads_, self);
  changed_.notify_all();
  lock.unlock();
}

void WorkerPool::Stop() {
  while (!Stop(std::chrono::hours(1))) {
  }
}

bool WorkerPool::Stop(std::chrono::milliseconds patience) {
  std::list<Thread> ended;  // joined on return, outside the lock
  std::unique_lock lock(mutex_);
  stopped_ = true;
  wake_.notify_all();
  const bool all = changed_.wait_for(lock, patience, [&] { return threads_.empty(); });
  ended.swap(ended_);
  return all;
}

}  // namespace cc::ttrpc
