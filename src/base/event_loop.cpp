// SPDX-License-Identifier: Apache-2.0
#include "base/event_loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <array>
#include <cerrno>

#include "base/status.h"

namespace cc {
namespace {

constexpr uint64_t kWakeupId = 0;
constexpr size_t kEventsPerWait = 32;

}  // namespace

absl::StatusOr<std::unique_ptr<EventLoop>> EventLoop::Create() {
  UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll) return ErrnoStatus(errno, "create an epoll instance");
  UniqueFd wakeup(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wakeup) return ErrnoStatus(errno, "create an eventfd");
  epoll_event event{.events = EPOLLIN, .data = {.u64 = kWakeupId}};
  if (::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, wakeup.get(), &event) != 0) {
    return ErrnoStatus(errno, "watch an eventfd");
  }
  return std::unique_ptr<EventLoop>(new EventLoop(std::move(epoll), std::move(wakeup)));
}

absl::Status EventLoop::Add(int fd, uint32_t events, Handler handler) {
  epoll_event event{.events = events, .data = {.u64 = next_id_}};
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
    return ErrnoStatus(errno, "watch a descriptor");
  }
  handlers_.emplace(next_id_, std::make_shared<Handler>(std::move(handler)));
  ids_[fd] = next_id_++;
  return absl::OkStatus();
}

void EventLoop::Remove(int fd) {
  const auto found = ids_.find(fd);
  if (found == ids_.end()) return;
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
  handlers_.erase(found->second);
  ids_.erase(found);
}

void EventLoop::Post(std::function<void()> task) {
  {
    std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
  }
  ::eventfd_write(wakeup_.get(), 1);
}

void EventLoop::Stop() {
  stopped_ = true;
  ::eventfd_write(wakeup_.get(), 1);
}

bool EventLoop::RunTasks() {
  std::vector<std::function<void()>> tasks;
  {
    std::lock_guard lock(mutex_);
    tasks.swap(tasks_);
  }
  for (const std::function<void()>& task : tasks) task();
  return !tasks.empty();
}

bool EventLoop::Dispatch(int timeout) {
  std::array<epoll_event, kEventsPerWait> events;
  const int n = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), timeout);
  for (int i = 0; i < n; ++i) {
    const epoll_event& event = events[static_cast<size_t>(i)];
    // A copy: the struct is packed, a reference into it would be misaligned.
    const uint64_t id = event.data.u64;
    if (id == kWakeupId) {
      eventfd_t value;
      ::eventfd_read(wakeup_.get(), &value);
      continue;
    }
    const auto found = handlers_.find(id);
    if (found == handlers_.end()) continue;
    // A copy of the owner: the handler may remove itself.
    const std::shared_ptr<Handler> handler = found->second;
    (*handler)(event.events);
  }
  const bool ran_tasks = RunTasks();
  return n > 0 || ran_tasks;
}

void EventLoop::Run() {
  while (!stopped_) Dispatch(-1);
}

void EventLoop::RunReady() {
  while (Dispatch(0)) {
  }
}

}  // namespace cc
