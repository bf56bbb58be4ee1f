// SPDX-License-Identifier: Apache-2.0
#include "datahub/mount_watch.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

#include "base/file.h"
#include "base/log.h"
#include "base/status.h"

namespace cc::datahub {

absl::StatusOr<std::unique_ptr<MountWatch>> MountWatch::Start(std::function<void()> on_change) {
  CC_ASSIGN_OR_RETURN(UniqueFd mounts, OpenFile("/proc/self/mountinfo", O_RDONLY));
  UniqueFd stop(::eventfd(0, EFD_CLOEXEC));
  if (!stop) return ErrnoStatus(errno, "make an eventfd");
  auto watch =
      std::unique_ptr<MountWatch>(new MountWatch(std::move(mounts), std::move(stop), std::move(on_change)));
  watch->thread_ = std::thread([raw = watch.get()] { raw->Run(); });
  return watch;
}

MountWatch::MountWatch(UniqueFd mounts, UniqueFd stop, std::function<void()> on_change)
    : mounts_(std::move(mounts)), stop_(std::move(stop)), on_change_(std::move(on_change)) {}

MountWatch::~MountWatch() {
  const uint64_t one = 1;
  if (::write(stop_.get(), &one, sizeof(one)) != sizeof(one)) log::Error("the mount watch cannot be stopped");
  if (thread_.joinable()) thread_.join();
}

void MountWatch::Run() {
  while (true) {
    pollfd fds[2] = {{mounts_.get(), POLLPRI, 0}, {stop_.get(), POLLIN, 0}};
    if (::poll(fds, 2, -1) < 0) {
      if (errno == EINTR) continue;
      log::Error("the mount watch ended", {{"cause", ErrnoStatus(errno, "poll")}});
      return;
    }
    if (fds[1].revents != 0) return;
    // Polling takes note of the change, too: the next poll waits for a new one.
    if (fds[0].revents != 0) on_change_();
  }
}

}  // namespace cc::datahub
