// SPDX-License-Identifier: Apache-2.0
#include "agent/run/streams.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/status.h"

namespace cc::agent {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// What the agent protocol promises to drain after the end of the process.
constexpr milliseconds kDrainTime{500};
constexpr int kPipeSize = 256 * 1024;
constexpr size_t kMinRead = 4096;

struct Pipe {
  UniqueFd read;
  UniqueFd write;
};

absl::StatusOr<Pipe> MakePipe() {
  std::array<int, 2> fds;
  if (::pipe2(fds.data(), O_CLOEXEC) != 0) return ErrnoStatus(errno, "create pipe");
  // Larger pipes save round trips; the limit of a user's pipes may refuse it.
  ::fcntl(fds[0], F_SETPIPE_SZ, kPipeSize);
  return Pipe{UniqueFd(fds[0]), UniqueFd(fds[1])};
}

void SetNonBlocking(int fd) { ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK); }

enum class Ready { kStream, kExited, kCancelled, kTimeout };

// Waits for the stream first of all: data that is there is read even after the end of the process.
absl::StatusOr<Ready> WaitFor(int fd, short events, int exited, int cancel, int timeout_ms) {
  std::array<pollfd, 3> polled{{{.fd = fd, .events = events, .revents = 0},
                                {.fd = exited, .events = POLLIN, .revents = 0},
                                {.fd = cancel, .events = POLLIN, .revents = 0}}};
  int n;
  do {
    n = ::poll(polled.data(), polled.size(), timeout_ms);
  } while (n < 0 && errno == EINTR);
  if (n < 0) return ErrnoStatus(errno, "poll");
  if (n == 0) return Ready::kTimeout;
  if (polled[0].revents != 0) return Ready::kStream;
  if (polled[2].revents != 0) return Ready::kCancelled;
  return Ready::kExited;
}

// Reads what is there, up to `limit`. nullopt = nothing at the moment; empty = end.
absl::StatusOr<std::optional<std::string>> ReadAvailable(int fd, size_t limit) {
  // As much memory as there is to read; the host's limit is usually far more.
  int available = 0;
  ::ioctl(fd, FIONREAD, &available);
  limit = std::min(limit, std::max(static_cast<size_t>(available), kMinRead));
  std::string data(limit, '\0');
  size_t have = 0;
  while (have < limit) {
    const ssize_t n = ::read(fd, data.data() + have, limit - have);
    if (n > 0) {
      have += static_cast<size_t>(n);
      continue;
    }
    if (n < 0 && errno == EINTR) continue;
    // EIO: the last user of the terminal has closed it.
    if (have > 0 || n == 0 || errno == EIO) break;
    if (errno == EAGAIN) return std::nullopt;
    return ErrnoStatus(errno, "read output");
  }
  data.resize(have);
  return data;
}

}  // namespace

absl::StatusOr<std::shared_ptr<Streams>> Streams::Pipes(ChildEnds* child) {
  CC_ASSIGN_OR_RETURN(std::shared_ptr<Latch> exited, Latch::Create());
  CC_ASSIGN_OR_RETURN(Pipe in, MakePipe());
  CC_ASSIGN_OR_RETURN(Pipe out, MakePipe());
  CC_ASSIGN_OR_RETURN(Pipe err, MakePipe());
  std::shared_ptr<Streams> streams(new Streams(false, std::move(exited)));
  for (int fd : {in.write.get(), out.read.get(), err.read.get()}) SetNonBlocking(fd);
  streams->in_ = std::move(in.write);
  streams->out_ = std::move(out.read);
  streams->err_ = std::move(err.read);
  *child = ChildEnds{std::move(in.read), std::move(out.write), std::move(err.write)};
  return streams;
}

absl::StatusOr<std::shared_ptr<Streams>> Streams::Terminal(UniqueFd master) {
  CC_ASSIGN_OR_RETURN(std::shared_ptr<Latch> exited, Latch::Create());
  SetNonBlocking(master.get());
  UniqueFd writer(::fcntl(master.get(), F_DUPFD_CLOEXEC, 0));
  if (!writer) return ErrnoStatus(errno, "duplicate terminal");
  std::shared_ptr<Streams> streams(new Streams(true, std::move(exited)));
  streams->out_ = std::move(master);
  streams->in_ = std::move(writer);
  return streams;
}

absl::StatusOr<std::string> Streams::Read(Source source, size_t limit, const Latch& cancel) {
  const int fd = source == Source::kStdout ? out_.get() : err_.get();
  if (fd < 0) return std::string();  // a terminal has no stderr of its own
  int timeout_ms = -1;
  int exited = exited_->fd();
  while (true) {
    CC_ASSIGN_OR_RETURN(const Ready ready, WaitFor(fd, POLLIN, exited, cancel.fd(), timeout_ms));
    switch (ready) {
      case Ready::kCancelled:
        return absl::CancelledError("the caller stopped waiting for output");
      case Ready::kTimeout:
        return std::string();
      case Ready::kExited:
        exited = -1;
        timeout_ms = static_cast<int>(DrainTimeLeft().count());
        break;
      case Ready::kStream:
        CC_ASSIGN_OR_RETURN(std::optional<std::string> data, ReadAvailable(fd, limit));
        if (data.has_value()) return *std::move(data);
    }
  }
}

absl::Status Streams::Write(std::string_view data, const Latch& cancel) {
  std::lock_guard lock(stdin_mutex_);
  if (!in_) return absl::FailedPreconditionError("stdin is closed");
  while (!data.empty()) {
    CC_ASSIGN_OR_RETURN(const Ready ready, WaitFor(in_.get(), POLLOUT, exited_->fd(), cancel.fd(), -1));
    if (ready == Ready::kCancelled) return absl::CancelledError("the caller stopped waiting to write");
    if (ready == Ready::kExited) return absl::FailedPreconditionError("the process has ended");
    const ssize_t n = ::write(in_.get(), data.data(), data.size());
    if (n > 0) {
      data.remove_prefix(static_cast<size_t>(n));
    } else if (n < 0 && (errno == EPIPE || errno == EIO)) {
      return absl::FailedPreconditionError("the process has closed its stdin");
    } else if (n < 0 && errno != EAGAIN && errno != EINTR) {
      return ErrnoStatus(errno, "write to stdin");
    }
  }
  return absl::OkStatus();
}

void Streams::CloseStdin() {
  if (terminal_) return;
  std::lock_guard lock(stdin_mutex_);
  in_.reset();
}

absl::Status Streams::Resize(uint32_t rows, uint32_t columns) {
  if (!terminal_) return absl::FailedPreconditionError("the process has no terminal");
  winsize size{};
  size.ws_row = static_cast<unsigned short>(std::min(rows, 65535U));
  size.ws_col = static_cast<unsigned short>(std::min(columns, 65535U));
  if (::ioctl(out_.get(), TIOCSWINSZ, &size) != 0) return ErrnoStatus(errno, "resize terminal");
  return absl::OkStatus();
}

void Streams::ProcessExited() {
  {
    std::lock_guard lock(exit_mutex_);
    if (!drain_until_.has_value()) drain_until_ = steady_clock::now() + kDrainTime;
  }
  exited_->Set();
}

milliseconds Streams::DrainTimeLeft() {
  std::lock_guard lock(exit_mutex_);
  if (!drain_until_.has_value()) return kDrainTime;
  return std::max(milliseconds(0),
                  std::chrono::duration_cast<milliseconds>(*drain_until_ - steady_clock::now()));
}

}  // namespace cc::agent
