// SPDX-License-Identifier: Apache-2.0
#include "agent/cgroup/oom_watch.h"

#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/file.h"
#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"

namespace cc::agent {
namespace {

constexpr size_t kMaxFile = 4096;
// A host that never asks must not make the agent grow.
constexpr size_t kMaxQueued = 256;

}  // namespace

uint64_t FlatKeyedValue(std::string_view text, std::string_view key) {
  for (std::string_view line : StrSplit(text, '\n')) {
    const SplitPair pair = SplitOnce(line, ' ');
    uint64_t value = 0;
    if (pair.first == key && ParseNumber(pair.second, &value)) return value;
  }
  return 0;
}

absl::StatusOr<std::unique_ptr<OomWatch>> OomWatch::Start() {
  UniqueFd inotify(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!inotify) return ErrnoStatus(errno, "create inotify");
  CC_ASSIGN_OR_RETURN(std::shared_ptr<Latch> stop, Latch::Create());
  return std::unique_ptr<OomWatch>(new OomWatch(std::move(inotify), std::move(stop)));
}

OomWatch::OomWatch(UniqueFd inotify, std::shared_ptr<Latch> stop)
    : inotify_(std::move(inotify)), stop_(std::move(stop)), thread_([this] { Loop(); }) {}

OomWatch::~OomWatch() {
  stop_->Set();
  thread_.join();
}

absl::Status OomWatch::Add(const std::string& id, const Cgroup& cgroup) {
  const std::string file = StrCat(cgroup.path(), "/memory.events");
  std::lock_guard lock(mutex_);
  const int watch = ::inotify_add_watch(inotify_.get(), file.c_str(), IN_MODIFY);
  if (watch < 0) return ErrnoStatus(errno, StrCat("watch ", file));
  watched_[watch] = Watched{.id = id, .file = file, .seen = 0};
  return absl::OkStatus();
}

void OomWatch::Remove(const std::string& id) {
  std::lock_guard lock(mutex_);
  for (auto it = watched_.begin(); it != watched_.end(); ++it) {
    if (it->second.id != id) continue;
    ::inotify_rm_watch(inotify_.get(), it->first);
    watched_.erase(it);
    return;
  }
}

void OomWatch::Check(int watch) {
  std::lock_guard lock(mutex_);
  const auto entry = watched_.find(watch);
  if (entry == watched_.end()) return;
  Watched& watched = entry->second;
  absl::StatusOr<std::string> text = ReadFile(watched.file, kMaxFile);
  if (!text.ok()) return;
  const uint64_t kills = FlatKeyedValue(*text, "oom_kill");
  if (kills <= watched.seen) return;
  watched.seen = kills;
  log::Warning("out of memory: a process was killed", {{"container", watched.id}});
  std::lock_guard queue_lock(queue_->mutex);
  if (queue_->events.size() < kMaxQueued) queue_->events.push_back(watched.id);
  queue_->changed.notify_all();
}

void OomWatch::Loop() {
  while (true) {
    std::array<pollfd, 2> polled{{{.fd = inotify_.get(), .events = POLLIN, .revents = 0},
                                  {.fd = stop_->fd(), .events = POLLIN, .revents = 0}}};
    if (::poll(polled.data(), polled.size(), -1) < 0 && errno != EINTR) return;
    if (polled[1].revents != 0) return;
    alignas(inotify_event) std::array<char, 4096> buffer;
    const ssize_t n = ::read(inotify_.get(), buffer.data(), buffer.size());
    for (ssize_t at = 0; at + static_cast<ssize_t>(sizeof(inotify_event)) <= n;) {
      inotify_event event;
      std::memcpy(&event, buffer.data() + at, sizeof(event));
      if ((event.mask & IN_MODIFY) != 0) Check(event.wd);
      at += static_cast<ssize_t>(sizeof(event) + event.len);
    }
  }
}

absl::StatusOr<std::string> OomWatch::Next(const ttrpc::CallContext& call) {
  call.OnCancel([queue = queue_] {
    std::lock_guard lock(queue->mutex);
    queue->changed.notify_all();
  });
  std::unique_lock lock(queue_->mutex);
  queue_->changed.wait(lock, [&] { return !queue_->events.empty() || call.cancelled(); });
  // An event must not be lost with an answer that nobody receives.
  if (call.cancelled()) return absl::CancelledError("the caller stopped waiting for events");
  std::string id = std::move(queue_->events.front());
  queue_->events.pop_front();
  return id;
}

}  // namespace cc::agent
