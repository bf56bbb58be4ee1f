// SPDX-License-Identifier: Apache-2.0
// Sessions of the handshake: made by /auth, used up by the first /attest, then the holder of the token. The
// state is in a store, so replicas that share it share sessions. Thread-safe.
#ifndef CC_TRUSTEE_KBS_SESSION_H_
#define CC_TRUSTEE_KBS_SESSION_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "trustee/clock.h"
#include "trustee/store/store.h"

namespace cc::trustee {

inline constexpr std::string_view kSessionCookie = "kbs-session-id";

// Who a session is, for logs: the id itself is a credential.
std::string SessionLabel(std::string_view id);

class Sessions {
 public:
  Sessions(std::shared_ptr<Store> store, Clock clock, int64_t timeout_seconds)
      : store_(std::move(store)), clock_(std::move(clock)), timeout_(timeout_seconds) {}

  struct Opened {
    std::string id;
    std::string nonce;
    std::string cookie;  // value of Set-Cookie
  };
  // ResourceExhausted when there are too many.
  absl::StatusOr<Opened> Open(const std::string& tee);

  struct Begun {
    std::string tee;
    std::string token;   // not empty: the session is attested already, and this is its token
    std::string cookie;  // value of Set-Cookie: as it was set when the session was opened
  };
  // Uses the nonce up: of any number of attempts with it one gets here, whatever becomes of its evidence.
  // Unauthenticated for a session that is unknown or expired, an attempt too many, and another nonce.
  absl::StatusOr<Begun> Begin(std::string_view id, std::string_view nonce);

  absl::Status Complete(std::string_view id, const std::string& token);

  // Unauthenticated for a session that is unknown, expired or not attested.
  absl::StatusOr<std::string> Token(std::string_view id) const;

 private:
  const std::shared_ptr<Store> store_;
  const Clock clock_;
  const int64_t timeout_;
};

}  // namespace cc::trustee

#endif  // CC_TRUSTEE_KBS_SESSION_H_
