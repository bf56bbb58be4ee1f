// SPDX-License-Identifier: Apache-2.0
// A named thread with a small stack, joined when the object goes. std::thread has neither name nor stack
// size, and its 8 MiB default would be charged to a shim that keeps a thread per blocked call.
//
//   CC_ASSIGN_OR_RETURN(Thread reader, Thread::Start("reader", [fd = std::move(fd)] { ... }));
//
// Thread-compatible. The body must not throw.
#ifndef CC_BASE_THREAD_H_
#define CC_BASE_THREAD_H_

#include <pthread.h>

#include <cstddef>
#include <string>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"

namespace cc {

class Thread {
 public:
  // Enough for protobuf parsing and a few 4 KiB path buffers; frames of sanitizers are several times larger.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  static constexpr size_t kStackSize = 4 << 20;
#else
  static constexpr size_t kStackSize = 256 << 10;
#endif

  Thread() = default;
  Thread(Thread&& other) noexcept
      : handle_(other.handle_), joinable_(std::exchange(other.joinable_, false)) {}
  Thread& operator=(Thread&& other) noexcept;
  ~Thread() { Join(); }

  // `name` is cut to the 15 bytes that the kernel keeps. ResourceExhausted when no thread can be made.
  static absl::StatusOr<Thread> Start(const std::string& name, absl::AnyInvocable<void()> body,
                                      size_t stack_size = kStackSize);

  bool joinable() const { return joinable_; }
  bool IsCurrent() const { return joinable_ && pthread_equal(handle_, pthread_self()) != 0; }

  // Waits for the body to return. No effect when not joinable. Not from the thread itself.
  void Join();
  // Lets the thread end on its own: only for a thread that destroys its own owner.
  void Detach();

 private:
  pthread_t handle_{};
  bool joinable_ = false;
};

}  // namespace cc

#endif  // CC_BASE_THREAD_H_
