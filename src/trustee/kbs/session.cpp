// SPDX-License-Identifier: Apache-2.0
#include "trustee/kbs/session.h"

#include <array>
#include <ctime>
#include <nlohmann/json.hpp>

#include "base/status.h"
#include "base/strings.h"
#include "jose/base64.h"
#include "jose/digest.h"
#include "jose/json.h"

namespace cc::trustee {
namespace {

using nlohmann::json;

constexpr size_t kNonceSize = 32;

// UUID version 4 in its 32-digit form.
std::string NewId() {
  std::string bytes = jose::RandomBytes(16);
  bytes[6] = static_cast<char>((bytes[6] & 0x0f) | 0x40);
  bytes[8] = static_cast<char>((bytes[8] & 0x3f) | 0x80);
  return jose::ToHex(bytes);
}

absl::Status Unknown() {
  return absl::UnauthenticatedError("session: unknown or expired; start again with /auth");
}

std::string HttpDate(int64_t seconds) {
  const std::time_t time = seconds;
  std::tm utc{};
  ::gmtime_r(&time, &utc);
  std::array<char, 64> text{};
  std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &utc);
  return text.data();
}

// Upstream's has no further attributes.
std::string Cookie(std::string_view id, int64_t expires) {
  return StrCat(kSessionCookie, "=", id, "; Expires=", HttpDate(expires));
}

}  // namespace

std::string SessionLabel(std::string_view id) {
  return jose::ToHex(jose::Digest(jose::Hash::kSha256, id)).substr(0, 16);
}

absl::StatusOr<Sessions::Opened> Sessions::Open(const std::string& tee) {
  const int64_t expires = clock_() + timeout_;
  Opened opened{NewId(), jose::Base64Encode(jose::RandomBytes(kNonceSize)), ""};
  opened.cookie = Cookie(opened.id, expires);
  const json state = {{"state", "authed"}, {"tee", tee}, {"nonce", opened.nonce}, {"expires", expires}};
  CC_RETURN_IF_ERROR(store_->Put(Area::kSession, {{opened.id, state.dump()}}, expires));
  return opened;
}

absl::StatusOr<Sessions::Begun> Sessions::Begin(std::string_view id, std::string_view nonce) {
  CC_ASSIGN_OR_RETURN(const std::optional<std::string> text, store_->Get(Area::kSession, id, clock_()));
  if (!text.has_value()) return Unknown();
  CC_ASSIGN_OR_RETURN(json state, jose::ParseJsonObject(*text, "stored session"));
  CC_ASSIGN_OR_RETURN(const std::string stage, jose::StringMember(state, "state", "stored session"));
  Begun begun;
  CC_ASSIGN_OR_RETURN(begun.tee, jose::StringMember(state, "tee", "stored session"));
  const auto expires = state.find("expires");
  if (expires == state.end() || !expires->is_number_integer()) {
    return absl::InternalError("stored session: member 'expires' must be a number");
  }
  begun.cookie = Cookie(id, expires->get<int64_t>());
  CC_ASSIGN_OR_RETURN(const std::string expected, jose::StringMember(state, "nonce", "stored session"));
  if (!jose::EqualSecrets(expected, nonce)) {
    return absl::UnauthenticatedError("session: the evidence is for another nonce than this session's");
  }
  if (stage == "attested") {
    CC_ASSIGN_OR_RETURN(begun.token, jose::StringMember(state, "token", "stored session"));
    return begun;
  }
  state["state"] = "used";
  absl::StatusOr<bool> first = false;
  if (stage == "authed") first = store_->Exchange(Area::kSession, id, *text, state.dump(), clock_());
  CC_RETURN_IF_ERROR(first.status());
  if (!*first) {
    return absl::UnauthenticatedError("session: its nonce has been used already; start again with /auth");
  }
  return begun;
}

absl::Status Sessions::Complete(std::string_view id, const std::string& token) {
  CC_ASSIGN_OR_RETURN(const std::optional<std::string> text, store_->Get(Area::kSession, id, clock_()));
  if (!text.has_value()) return Unknown();
  CC_ASSIGN_OR_RETURN(json state, jose::ParseJsonObject(*text, "stored session"));
  state["state"] = "attested";
  state["token"] = token;
  CC_ASSIGN_OR_RETURN(const bool changed,
                      store_->Exchange(Area::kSession, id, *text, state.dump(), clock_()));
  return changed ? absl::OkStatus() : Unknown();
}

absl::StatusOr<std::string> Sessions::Token(std::string_view id) const {
  CC_ASSIGN_OR_RETURN(const std::optional<std::string> text, store_->Get(Area::kSession, id, clock_()));
  if (!text.has_value()) return Unknown();
  CC_ASSIGN_OR_RETURN(const json state, jose::ParseJsonObject(*text, "stored session"));
  if (!state.contains("token")) return absl::UnauthenticatedError("session: not attested");
  return jose::StringMember(state, "token", "stored session");
}

}  // namespace cc::trustee
