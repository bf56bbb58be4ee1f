// SPDX-License-Identifier: Apache-2.0
#include "shim/pump.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"

namespace cc::shim {
namespace {

constexpr std::chrono::seconds kLoggerEndTimeout{5};

enum class Ready { kYes, kCancelled, kTimeout };

// Waits for `events` on `fd` or for the cancel event.
Ready Await(int fd, short events, int cancel, int timeout_ms) {
  while (true) {
    std::array<pollfd, 2> polled{
        {{.fd = fd, .events = events, .revents = 0}, {.fd = cancel, .events = POLLIN, .revents = 0}}};
    const int n = ::poll(polled.data(), polled.size(), timeout_ms);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 || polled[1].revents != 0) return Ready::kCancelled;
    if (n == 0) return Ready::kTimeout;
    return Ready::kYes;
  }
}

}  // namespace

StreamPump::StreamPump(std::unique_ptr<Stdio> stdio, std::chrono::milliseconds stall)
    : stdio_(std::move(stdio)), stall_(stall), cancel_(::eventfd(0, EFD_CLOEXEC)) {}

StreamPump::~StreamPump() { Cancel(); }

absl::Status StreamPump::Start(GuestStreams guest) {
  if (!cancel_) return absl::ResourceExhaustedError("start the standard streams: no descriptor left");
  const auto shared = std::make_shared<GuestStreams>(std::move(guest));
  const bool with_stderr = shared->read_stderr != nullptr;
  {
    const std::lock_guard lock(mutex_);
    outputs_running_ = with_stderr ? 2 : 1;
  }
  CC_ASSIGN_OR_RETURN(
      out_thread_, Thread::Start("stdout", [this, shared] { PumpOutput(shared->read_stdout, stdio_->out); }));
  if (with_stderr) {
    CC_ASSIGN_OR_RETURN(err_thread_, Thread::Start("stderr", [this, shared] {
                          PumpOutput(shared->read_stderr, stdio_->err);
                        }));
  }
  if (stdio_->in.valid()) {
    CC_ASSIGN_OR_RETURN(in_thread_, Thread::Start("stdin", [this, shared] { PumpInput(*shared); }));
  }
  return absl::OkStatus();
}

void StreamPump::PumpOutput(const std::function<absl::StatusOr<std::string>()>& read, OutputEnd& end) {
  bool discard = !end.valid();
  while (true) {
    absl::StatusOr<std::string> data = read();
    if (!data.ok() || data->empty()) break;
    if (!discard && !WriteOut(end, *data)) discard = true;
  }
  end = OutputEnd();  // the client sees the end of the stream before the exit event
  OutputEnded();
}

bool StreamPump::WriteOut(const OutputEnd& end, std::string_view data) {
  bool stalled = false;
  const auto set_stalled = [&](bool value) {
    if (stalled == value) return;
    stalled = value;
    const std::lock_guard lock(mutex_);
    outputs_stalled_ += value ? 1 : -1;
    changed_.notify_all();
  };
  while (!data.empty()) {
    const ssize_t n = ::write(end.fd(), data.data(), data.size());
    if (n >= 0) {
      set_stalled(false);
      data.remove_prefix(static_cast<size_t>(n));
    } else if (errno == EAGAIN) {
      const int timeout = stalled ? -1 : static_cast<int>(stall_.count());
      const Ready ready = Await(end.fd(), POLLOUT, cancel_.get(), timeout);
      if (ready == Ready::kTimeout) set_stalled(true);
      if (ready == Ready::kCancelled) break;
    } else if (errno != EINTR) {
      log::Warning("output thrown away from here on", {{"error", ErrnoStatus(errno, "write")}});
      break;
    }
  }
  set_stalled(false);
  return data.empty();
}

void StreamPump::PumpInput(const GuestStreams& guest) {
  const int fd = stdio_->in.fd();
  std::string buffer;
  while (Await(fd, POLLIN, cancel_.get(), -1) == Ready::kYes) {
    buffer.resize(kStreamChunk);
    const ssize_t n = ::read(fd, buffer.data(), buffer.size());
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (n <= 0) {
      guest.close_stdin().IgnoreError();  // the process may have ended already
      return;
    }
    buffer.resize(static_cast<size_t>(n));
    if (!guest.write_stdin(std::move(buffer)).ok()) {
      // The process has closed its stdin or ended: a client must not wait until somebody reads the rest.
      stdio_->in.Drop();
      return;
    }
  }
}

void StreamPump::OutputEnded() {
  const std::lock_guard lock(mutex_);
  --outputs_running_;
  changed_.notify_all();
}

bool StreamPump::WaitDrained() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return outputs_running_ == 0 || outputs_stalled_ > 0; });
  return outputs_running_ == 0;
}

void StreamPump::WaitFinished(std::chrono::milliseconds limit) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, limit, [this] { return outputs_running_ == 0; });
}

void StreamPump::CloseInput() { stdio_->in.Close(); }

void StreamPump::RequestCancel() {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(cancel_.get(), &one, sizeof(one));
}

void StreamPump::Cancel() {
  RequestCancel();
  out_thread_.Join();
  err_thread_.Join();
  in_thread_.Join();
  // Also those of streams that never ran: a client waits for their end.
  stdio_->out = OutputEnd();
  stdio_->err = OutputEnd();
  stdio_->in.Drop();
  // A logging binary ends by itself once its pipes are closed; it gets time to write what it has.
  Child& logger = stdio_->logger;
  if (!logger.running()) return;
  if (!logger.Wait(kLoggerEndTimeout).ok()) log::Warning("logger killed, it did not end with its input");
}

}  // namespace cc::shim
