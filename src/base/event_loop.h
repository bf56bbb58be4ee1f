// SPDX-License-Identifier: Apache-2.0
// One thread waiting on many descriptors (epoll). For code that must react to several sources without a
// thread for each.
//
//   CC_ASSIGN_OR_RETURN(std::unique_ptr<EventLoop> loop, EventLoop::Create());
//   CC_RETURN_IF_ERROR(loop->Add(fd, EPOLLIN, [&](uint32_t events) { … }));
//   std::thread thread([&] { loop->Run(); });
//
// Add and Remove belong to the loop's thread (or to anybody before Run). Post and Stop may be called by any
// thread.
#ifndef CC_BASE_EVENT_LOOP_H_
#define CC_BASE_EVENT_LOOP_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/unique_fd.h"

namespace cc {

class EventLoop {
 public:
  using Handler = std::function<void(uint32_t events)>;

  static absl::StatusOr<std::unique_ptr<EventLoop>> Create();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // Calls `handler` with the epoll events of `fd`. The descriptor is not owned: Remove it before closing it.
  absl::Status Add(int fd, uint32_t events, Handler handler);

  // After this returns, the handler is not called again, not even for events already collected. Unknown
  // descriptors are ignored.
  void Remove(int fd);

  // Runs `task` on the loop's thread, after the handlers that are running now.
  void Post(std::function<void()> task);

  // Handles events until Stop. Tasks posted before Stop are run.
  void Run();
  void Stop();

  // Handles what is ready now and what comes of it, without waiting. Instead of Run, on one thread.
  void RunReady();

 private:
  EventLoop(UniqueFd epoll, UniqueFd wakeup) : epoll_(std::move(epoll)), wakeup_(std::move(wakeup)) {}
  // Waits for events up to `timeout` (milliseconds, -1 = for ever) and handles them, then the tasks. False
  // when there was nothing.
  bool Dispatch(int timeout);
  bool RunTasks();

  UniqueFd epoll_;
  UniqueFd wakeup_;
  // Events carry a number that is never used twice, so a stale event finds no handler.
  uint64_t next_id_ = 1;
  std::unordered_map<uint64_t, std::shared_ptr<Handler>> handlers_;
  std::unordered_map<int, uint64_t> ids_;
  std::atomic<bool> stopped_ = false;
  std::mutex mutex_;  // guards tasks_
  std::vector<std::function<void()>> tasks_;
};

}  // namespace cc

#endif  // CC_BASE_EVENT_LOOP_H_
