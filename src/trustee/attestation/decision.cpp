// SPDX-License-Identifier: Apache-2.0
#include "trustee/attestation/decision.h"

#include <nlohmann/json.hpp>

#include "base/log.h"
#include "base/strings.h"
#include "trustee/rvps/timestamp.h"

namespace cc::trustee {
namespace {

using nlohmann::json;

constexpr size_t kMaxSessions = 4096;
constexpr size_t kMaxPerSession = 16;
constexpr size_t kMaxClaims = 8 << 10;

bool IsGood(std::string_view outcome) { return outcome == "affirming" || outcome == "allowed"; }

std::string InWords(int64_t time, const Decision& decision) {
  std::string text = StrCat(FormatTimestamp(time), " ", decision.what, ": ", decision.outcome);
  if (!decision.tee.empty()) StrAppend(&text, ", evidence of ", decision.tee);
  if (!decision.policy.empty()) {
    StrAppend(&text, ", by policy ", decision.policy, " (", decision.policy_digest.substr(0, 12), ")");
  }
  StrAppend(&text, "\n");
  for (const std::string& reason : decision.reasons) StrAppend(&text, "  - ", reason, "\n");
  return text;
}

}  // namespace

std::string JoinReasons(const std::vector<std::string>& reasons, size_t limit) {
  std::string text = StrJoin(reasons, "; ");
  if (text.size() > limit) {
    text.resize(limit);
    // Not in the middle of a UTF-8 character.
    while (!text.empty() && (static_cast<unsigned char>(text.back()) & 0xc0) == 0x80) text.pop_back();
    if (!text.empty() && static_cast<unsigned char>(text.back()) >= 0xc0) text.pop_back();
    text += "…";
  }
  return text;
}

void DecisionLog::Record(Decision decision) {
  const log::Level level = IsGood(decision.outcome) ? log::Level::kInfo : log::Level::kWarning;
  log::Write(level, "decision",
             {{"session", decision.session},
              {"what", decision.what},
              {"outcome", decision.outcome},
              {"tee", decision.tee},
              {"claims", decision.claims_digest},
              {"policy", decision.policy},
              {"policy_digest", decision.policy_digest},
              {"reasons", JoinReasons(decision.reasons)}});
  if (decision.claims.size() > kMaxClaims) decision.claims.clear();
  const int64_t now = clock_();
  const std::lock_guard lock(mutex_);
  auto found = sessions_.find(decision.session);
  if (found == sessions_.end()) {
    if (order_.size() >= kMaxSessions) {
      sessions_.erase(order_.front());
      order_.pop_front();
    }
    order_.push_back(decision.session);
    found = sessions_.emplace(decision.session, std::vector<Entry>()).first;
  }
  std::vector<Entry>& entries = found->second;
  // The first one is the attestation that the others rest on.
  if (entries.size() >= kMaxPerSession) entries.erase(entries.begin() + 1);
  entries.push_back(Entry{now, std::move(decision)});
}

std::vector<std::string> DecisionLog::AttestationReasons(std::string_view session) const {
  const std::lock_guard lock(mutex_);
  const auto found = sessions_.find(session);
  if (found == sessions_.end()) return {};
  std::vector<std::string> reasons;
  for (const Entry& entry : found->second) {
    if (entry.decision.what == "attestation") {
      reasons.insert(reasons.end(), entry.decision.reasons.begin(), entry.decision.reasons.end());
    }
  }
  return reasons;
}

absl::StatusOr<std::string> DecisionLog::Explain(std::string_view session) const {
  json out = {{"session", session}, {"decisions", json::array()}};
  std::string text;
  {
    const std::lock_guard lock(mutex_);
    const auto found = sessions_.find(session);
    if (found == sessions_.end()) {
      return absl::NotFoundError(
          StrCat("session ", session.substr(0, 64),
                 ": no decision is held here; older ones are in the log of the service"));
    }
    for (const auto& [time, decision] : found->second) {
      out["decisions"].push_back({{"time", FormatTimestamp(time)},
                                  {"what", decision.what},
                                  {"outcome", decision.outcome},
                                  {"tee", decision.tee},
                                  {"claims_digest", decision.claims_digest},
                                  {"policy", decision.policy},
                                  {"policy_digest", decision.policy_digest},
                                  {"reasons", decision.reasons},
                                  {"claims", json::parse(decision.claims, nullptr, false)}});
      if (out["decisions"].back()["claims"].is_discarded()) out["decisions"].back()["claims"] = nullptr;
      StrAppend(&text, InWords(time, decision));
    }
  }
  out["text"] = text;
  return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace cc::trustee
