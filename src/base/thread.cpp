// SPDX-License-Identifier: Apache-2.0
#include "base/thread.h"

#include <cerrno>
#include <memory>

#include "base/status.h"
#include "base/strings.h"

namespace cc {
namespace {

constexpr size_t kMaxNameLength = 15;  // TASK_COMM_LEN - 1

struct StartInfo {
  std::string name;
  absl::AnyInvocable<void()> body;
};

void* Main(void* argument) {
  // SAFETY: Start released exactly this object to us.
  std::unique_ptr<StartInfo> info(static_cast<StartInfo*>(argument));
  ::pthread_setname_np(::pthread_self(), info->name.c_str());
  info->body();
  return nullptr;
}

}  // namespace

absl::StatusOr<Thread> Thread::Start(const std::string& name, absl::AnyInvocable<void()> body,
                                     size_t stack_size) {
  auto info = std::make_unique<StartInfo>(StartInfo{name.substr(0, kMaxNameLength), std::move(body)});
  pthread_attr_t attributes;
  ::pthread_attr_init(&attributes);
  int error = ::pthread_attr_setstacksize(&attributes, stack_size);
  Thread thread;
  if (error == 0) error = ::pthread_create(&thread.handle_, &attributes, Main, info.get());
  ::pthread_attr_destroy(&attributes);
  // The only cause of EAGAIN is a limit on threads or memory.
  if (error == EAGAIN) {
    return absl::ResourceExhaustedError(
        StrCat("start thread ", name, ": the limit of threads or memory is reached; raise pids.max"));
  }
  if (error != 0) return ErrnoStatus(error, StrCat("start thread ", name));
  info.release();
  thread.joinable_ = true;
  return thread;
}

Thread& Thread::operator=(Thread&& other) noexcept {
  if (this != &other) {
    Join();
    handle_ = other.handle_;
    joinable_ = std::exchange(other.joinable_, false);
  }
  return *this;
}

void Thread::Join() {
  if (std::exchange(joinable_, false)) ::pthread_join(handle_, nullptr);
}

void Thread::Detach() {
  if (std::exchange(joinable_, false)) ::pthread_detach(handle_);
}

}  // namespace cc
