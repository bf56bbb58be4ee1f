// SPDX-License-Identifier: Apache-2.0
#include "shim/console.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/file.h"
#include "base/log.h"
#include "base/status.h"

namespace cc::shim {
namespace {

constexpr size_t kMaxLine = 1024;
constexpr size_t kTail = 2048;

}  // namespace

absl::StatusOr<UniqueFd> Console::Open() {
  std::array<int, 2> fds;
  if (::pipe2(fds.data(), O_CLOEXEC) != 0) return ErrnoStatus(errno, "create the console's pipe");
  UniqueFd read_end(fds[0]);
  UniqueFd write_end(fds[1]);
  CC_ASSIGN_OR_RETURN(
      reader_, Thread::Start("console", [this, fd = std::move(read_end)]() mutable { Read(std::move(fd)); }));
  return write_end;
}

void Console::Read(UniqueFd fd) {
  std::array<char, 4096> buffer;
  std::string line;
  while (true) {
    absl::StatusOr<size_t> n = ReadSome(fd.get(), buffer);
    if (!n.ok() || *n == 0) break;
    for (size_t i = 0; i < *n; ++i) {
      const char c = buffer[i];
      if (c == '\n' || line.size() == kMaxLine) {
        Line(line);
        line.clear();
      }
      if (c >= ' ' && c <= '~') line.push_back(c);
    }
  }
  if (!line.empty()) Line(line);
}

void Console::Line(std::string_view line) {
  if (line.empty()) return;
  log::Debug("console", {{"line", line}});
  const std::lock_guard lock(mutex_);
  tail_.append(line);
  tail_.push_back('\n');
  if (tail_.size() > 2 * kTail) tail_.erase(0, tail_.size() - kTail);
}

std::string Console::Tail() const {
  const std::lock_guard lock(mutex_);
  return tail_.size() > kTail ? tail_.substr(tail_.size() - kTail) : tail_;
}

}  // namespace cc::shim
