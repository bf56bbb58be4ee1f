// SPDX-License-Identifier: Apache-2.0
#include "agent/init/standard_streams.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/unique_fd.h"

namespace cc::agent {

StandardStreams::StandardStreams() {
  while (true) {
    // The lowest free number; there may be no /dev yet.
    const int fd = ::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return;
    if (fd > STDERR_FILENO) {
      ::close(fd);
      return;
    }
    taken_.push_back(fd);
  }
}

void StandardStreams::Connect(const char* console) const {
  if (taken_.empty()) return;
  UniqueFd stream(::open(console, O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!stream) stream.reset(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!stream) return;
  for (const int fd : taken_) ::dup2(stream.get(), fd);
}

}  // namespace cc::agent
