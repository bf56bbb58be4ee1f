// SPDX-License-Identifier: Apache-2.0
#include "shim/volume_watch.h"

#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"

namespace cc::shim {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kForEver{-1};
constexpr milliseconds kPollInterval{5000};
constexpr milliseconds kFirstRetry{500};
constexpr milliseconds kLastRetry{60000};
constexpr milliseconds kRemovePatience{2000};
// A volume gets its new version by a rename; a single file may also be written in place.
constexpr uint32_t kEvents = IN_MOVED_TO | IN_CLOSE_WRITE | IN_CREATE | IN_ONLYDIR;

// The directory whose events tell of a change. Links are resolved as for the copy.
std::string DirectoryOf(const std::string& path) {
  const std::unique_ptr<char, void (*)(void*)> real(::realpath(path.c_str(), nullptr), ::free);
  std::string resolved = real == nullptr ? path : real.get();
  struct stat st {};
  if (::stat(resolved.c_str(), &st) == 0 && S_ISDIR(st.st_mode)) return resolved;
  return resolved.substr(0, std::max<size_t>(resolved.find_last_of('/'), 1));
}

void Drain(int fd) {
  std::array<char, 4096> buffer;
  while (::read(fd, buffer.data(), buffer.size()) > 0) {
  }
}

}  // namespace

struct VolumeWatch::Volume {
  std::string container_id;
  HostCopy copy;
  CopyLimits limits;
  CopyFileCall copy_file;
  std::string directory;
  std::atomic<bool> removed = false;
  // Of the thread.
  std::string fingerprint;
  milliseconds retry{0};
  steady_clock::time_point next_try;
};

VolumeWatch::~VolumeWatch() { Stop(); }

void VolumeWatch::Add(const std::string& container_id, const std::vector<HostCopy>& copies,
                      const std::vector<std::string>& fingerprints, const CopyLimits& limits,
                      CopyFileCall copy_file) {
  std::vector<std::shared_ptr<Volume>> added;
  for (size_t i = 0; i < copies.size(); ++i) {
    if (!copies[i].keep_current || fingerprints[i].empty()) continue;
    auto volume = std::make_shared<Volume>();
    volume->container_id = container_id;
    volume->copy = copies[i];
    volume->limits = limits;
    volume->fingerprint = fingerprints[i];
    volume->directory = DirectoryOf(copies[i].host_path);
    volume->copy_file = [copy_file, removed = &volume->removed](const grpc::CopyFileRequest& request) {
      return *removed ? absl::CancelledError("the container is being removed") : copy_file(request);
    };
    added.push_back(std::move(volume));
  }
  if (added.empty()) return;
  const std::lock_guard lock(mutex_);
  if (stopped_) return;
  if (!thread_.joinable()) {  // the thread reads these without the lock
    wakeup_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    inotify_.reset(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    watches_.clear();
  }
  for (const auto& volume : added) WatchLocked(volume->directory);
  volumes_.insert(volumes_.end(), added.begin(), added.end());
  ::eventfd_write(wakeup_.get(), 1);  // a change before the watch had no event
  if (thread_.joinable()) return;
  absl::StatusOr<Thread> thread = Thread::Start("volumes", [this] { Run(); });
  if (thread.ok()) {
    thread_ = std::move(*thread);
  } else {
    log::Error("volumes are not kept up to date", {{"container", container_id}, {"error", thread.status()}});
  }
}

void VolumeWatch::WatchLocked(const std::string& directory) {
  if (watches_.contains(directory)) return;
  const int watch = ::inotify_add_watch(inotify_.get(), directory.c_str(), kEvents);
  if (watch >= 0) {
    watches_[directory] = watch;
  } else if (unwatched_.insert(directory).second) {
    log::Warning(
        "looked at every few seconds for want of an inotify watch (fs.inotify.max_user_watches, "
        "max_user_instances)",
        {{"directory", directory}, {"error", ErrnoStatus(errno, "watch")}});
  }
}

void VolumeWatch::DropUnusedLocked() {
  const auto used = [this](const std::string& directory) {
    return std::any_of(volumes_.begin(), volumes_.end(),
                       [&](const auto& volume) { return volume->directory == directory; });
  };
  std::erase_if(watches_, [&](const auto& watch) {
    if (used(watch.first)) return false;
    ::inotify_rm_watch(inotify_.get(), watch.second);
    return true;
  });
  std::erase_if(unwatched_, [&](const std::string& directory) { return !used(directory); });
}

void VolumeWatch::Remove(const std::string& container_id) {
  std::unique_lock lock(mutex_);
  std::erase_if(volumes_, [&](const auto& volume) {
    if (volume->container_id != container_id) return false;
    volume->removed = true;
    return true;
  });
  DropUnusedLocked();
  changed_.wait_for(lock, kRemovePatience, [&] { return busy_ != container_id; });
}

void VolumeWatch::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    for (const auto& volume : volumes_) volume->removed = true;
    volumes_.clear();
    if (wakeup_) ::eventfd_write(wakeup_.get(), 1);
  }
  thread_.Join();
}

size_t VolumeWatch::watched() const {
  const std::lock_guard lock(mutex_);
  return watches_.size() + unwatched_.size();
}

void VolumeWatch::Run() {
  while (true) {
    const milliseconds timeout = Update();
    {
      const std::lock_guard lock(mutex_);
      if (stopped_) return;
    }
    // A negative descriptor (no inotify instance left) is ignored by poll.
    std::array<pollfd, 2> fds = {{{.fd = wakeup_.get(), .events = POLLIN, .revents = 0},
                                  {.fd = inotify_.get(), .events = POLLIN, .revents = 0}}};
    ::poll(fds.data(), fds.size(), static_cast<int>(timeout.count()));
    Drain(wakeup_.get());
    if (inotify_) Drain(inotify_.get());
  }
}

milliseconds VolumeWatch::Update() {
  std::vector<std::shared_ptr<Volume>> volumes;
  bool polls = false;
  {
    const std::lock_guard lock(mutex_);
    volumes = volumes_;
    polls = !unwatched_.empty();
  }
  milliseconds timeout = polls ? kPollInterval : kForEver;
  for (const auto& volume : volumes) {
    {
      const std::lock_guard lock(mutex_);
      if (volume->removed) continue;
      busy_ = volume->container_id;
    }
    UpdateOne(*volume);
    {
      const std::lock_guard lock(mutex_);
      busy_.clear();
      changed_.notify_all();
    }
    if (volume->retry.count() > 0 && (timeout == kForEver || volume->retry < timeout))
      timeout = volume->retry;
  }
  return timeout;
}

void VolumeWatch::UpdateOne(Volume& volume) {
  const absl::StatusOr<std::string> now = FingerprintOf(volume.copy.host_path);
  // What was removed on the host stays in the guest, as an open file would. The same for a Kubernetes volume
  // that is being taken down.
  if (!now.ok() || now->empty() || *now == volume.fingerprint) {
    volume.retry = milliseconds(0);
    return;
  }
  if (volume.retry.count() > 0 && steady_clock::now() < volume.next_try) return;
  const absl::StatusOr<std::vector<std::string>> copied =
      CopyIntoGuest({volume.copy}, volume.limits, volume.copy_file);
  if (copied.ok()) {
    volume.fingerprint = copied->front();
    volume.retry = milliseconds(0);
    log::Info("volume updated", {{"container", volume.container_id}, {"path", volume.copy.destination}});
    return;
  }
  if (volume.removed) return;
  volume.retry = std::clamp(2 * volume.retry, kFirstRetry, kLastRetry);
  volume.next_try = steady_clock::now() + volume.retry;
  log::Warning("volume not updated", {{"container", volume.container_id}, {"error", copied.status()}});
}

}  // namespace cc::shim
