// SPDX-License-Identifier: Apache-2.0
// Why something was allowed or refused. Each decision is one log line and, for a while, an entry that
// `ccctl trustee explain` reads. Nothing here may be a secret: names, digests, claims, reasons.
#ifndef CC_TRUSTEE_ATTESTATION_DECISION_H_
#define CC_TRUSTEE_ATTESTATION_DECISION_H_

#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "trustee/clock.h"

namespace cc::trustee {

struct Decision {
  std::string session;        // label of the session, not its cookie
  std::string what;           // "attestation", "resource default/key/1"
  std::string outcome;        // "affirming", "warning", "contraindicated", "refused", "allowed", "denied"
  std::string tee;            // kind of the evidence
  std::string claims_digest;  // hex SHA-256 of the canonical claims judged
  std::string policy;         // id
  std::string policy_digest;  // hex SHA-256 of its text
  std::vector<std::string> reasons;  // in words; what failed
  std::string claims;                // JSON text of what was judged; in explanations only
};

// "reason; reason", at most `limit` bytes.
std::string JoinReasons(const std::vector<std::string>& reasons, size_t limit = 1024);

// Keeps the last decisions of the last sessions in memory. Thread-safe.
class DecisionLog {
 public:
  explicit DecisionLog(Clock clock) : clock_(std::move(clock)) {}

  void Record(Decision decision);

  // The reasons of a session's last attestation; empty when it is not known here.
  std::vector<std::string> AttestationReasons(std::string_view session) const;

  // JSON {"session", "decisions": […], "text": in words}. NotFound for a session not held here.
  absl::StatusOr<std::string> Explain(std::string_view session) const;

 private:
  struct Entry {
    int64_t time;
    Decision decision;
  };
  const Clock clock_;
  mutable std::mutex mutex_;
  std::map<std::string, std::vector<Entry>, std::less<>> sessions_;
  std::deque<std::string> order_;  // oldest session first
};

}  // namespace cc::trustee

#endif  // CC_TRUSTEE_ATTESTATION_DECISION_H_
