// SPDX-License-Identifier: Apache-2.0
#include "trustee/kbs/handshake.h"

#include "base/log.h"
#include "base/strings.h"
#include "trustee/kbs/error.h"
#include "trustee/kbs/messages.h"

namespace cc::trustee {
namespace {

constexpr char kPolicy[] = "default";

HttpResponse Json(std::string body, const std::string& cookie) {
  HttpResponse response;
  response.content_type = "application/json";
  response.body = std::move(body);
  response.headers.emplace_back("Set-Cookie", cookie);
  return response;
}

// Evidence that a verifier looked at and refused, against a fault of ours.
HttpResponse Refusal(const absl::Status& status) {
  if (absl::IsFailedPrecondition(status) || absl::IsDeadlineExceeded(status) || absl::IsNotFound(status)) {
    return ErrorResponse(KbsErrorType::kPolicyEngine, status);
  }
  return ErrorResponse(KbsErrorType::kAttestation, status, 403);
}

}  // namespace

HttpResponse Handshake::Auth(const HttpRequest& request) const {
  const absl::StatusOr<std::string> tee = ParseAuth(request.body);
  if (!tee.ok()) {
    const bool version = absl::IsUnauthenticated(tee.status());
    return ErrorResponse(version ? KbsErrorType::kAttestation : KbsErrorType::kSerde, tee.status());
  }
  if (const absl::Status accepted = appraiser_->CheckTee(*tee); !accepted.ok()) {
    log::Warning("handshake refused", {{"peer", request.peer}, {"error", accepted}});
    return ErrorResponse(KbsErrorType::kAttestation, accepted, 403);
  }
  const absl::StatusOr<Sessions::Opened> session = sessions_->Open(*tee);
  if (!session.ok()) return ErrorResponse(KbsErrorType::kStorage, session.status());
  log::Info("session opened",
            {{"session", SessionLabel(session->id)}, {"tee", *tee}, {"peer", request.peer}});
  return Json(ChallengeBody(session->nonce), session->cookie);
}

HttpResponse Handshake::Attest(const HttpRequest& request) const {
  const std::string_view id = CookieValue(request.cookie, kSessionCookie);
  if (id.empty()) {
    return ErrorResponse(KbsErrorType::kAttestation,
                         StrCat("session: cookie ", kSessionCookie, " is missing"));
  }
  absl::StatusOr<Attestation> attestation = ParseAttestation(request.body);
  if (!attestation.ok()) return ErrorResponse(KbsErrorType::kSerde, attestation.status());
  const absl::StatusOr<Sessions::Begun> session = sessions_->Begin(id, attestation->nonce);
  if (!session.ok()) {
    log::Warning("attestation refused",
                 {{"session", SessionLabel(id)}, {"peer", request.peer}, {"error", session.status()}});
    return ErrorResponse(KbsErrorType::kAttestation, session.status());
  }
  if (!session->token.empty()) return Json(TokenBody(session->token), session->cookie);

  const absl::StatusOr<std::vector<EvidenceItem>> items =
      EvidenceItems(*std::move(attestation), session->tee);
  if (!items.ok()) return ErrorResponse(KbsErrorType::kSerde, items.status());
  const absl::StatusOr<std::string> token = appraiser_->Appraise(*items, kPolicy, SessionLabel(id));
  metrics_->CountAttestation(token.ok() ? "issued" : "refused");
  if (!token.ok()) return Refusal(token.status());
  if (const absl::Status stored = sessions_->Complete(id, *token); !stored.ok()) {
    return ErrorResponse(KbsErrorType::kAttestation, stored);
  }
  return Json(TokenBody(*token), session->cookie);
}

}  // namespace cc::trustee
