// SPDX-License-Identifier: Apache-2.0
// The one attested session that all requests of a guest share. Making one is expensive, so of several threads
// that need one, one makes it and the others take what it got, success or failure.
#ifndef CC_ATTEST_KBS_SESSION_CACHE_H_
#define CC_ATTEST_KBS_SESSION_CACHE_H_

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "absl/status/statusor.h"

namespace cc::attest {

struct Session {
  std::string token;   // JWT
  std::string cookie;  // value of kbs-session-id
  std::chrono::steady_clock::time_point fresh_until;
  std::chrono::steady_clock::time_point made = std::chrono::steady_clock::now();
};
using SessionPtr = std::shared_ptr<const Session>;

// Any thread may call. No lock is held while a session is made.
class SessionCache {
 public:
  using Clock = std::function<std::chrono::steady_clock::time_point()>;
  using Make = std::function<absl::StatusOr<Session>()>;

  explicit SessionCache(Make make, Clock clock = &std::chrono::steady_clock::now)
      : make_(std::move(make)), clock_(std::move(clock)) {}

  // The current session while it is fresh, else a new one. A failure is not kept.
  absl::StatusOr<SessionPtr> Get();

  // The session that Get gave last; null when there is none. Its time may have passed.
  SessionPtr Current();

  // The broker does not accept this session any more. No effect when it has been replaced already.
  void Drop(const SessionPtr& session);

 private:
  struct Flight {
    bool landed = false;
    absl::StatusOr<SessionPtr> result = absl::UnknownError("");
  };

  const Make make_;
  const Clock clock_;
  std::mutex mutex_;
  std::condition_variable landed_;
  SessionPtr current_;
  std::shared_ptr<Flight> flight_;  // set while a thread makes a session
};

}  // namespace cc::attest

#endif  // CC_ATTEST_KBS_SESSION_CACHE_H_
