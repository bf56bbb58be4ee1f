// SPDX-License-Identifier: Apache-2.0
// The attestation service over HTTP, with the paths and bodies of CoCo's restful-as. Answers that refuse have
// a text that says why, and the status code that fits (upstream answers 500 to everything).
//
//   POST /attestation             {verification_requests: [...], policy_ids: [...]}; answer: the token, bare
//   POST /challenge               no TEE served here needs one; says so
//   POST /policy                  {policy_id, policy (base64url of Rego)}; administrators
//   GET  /policy, /policy/ID      [{"policy-id": ID}], the Rego text; administrators
//   GET  /.well-known/jwks.json, /healthz
#ifndef CC_TRUSTEE_FACES_RESTFUL_AS_H_
#define CC_TRUSTEE_FACES_RESTFUL_AS_H_

#include <memory>

#include "trustee/attestation/attestation_service.h"
#include "trustee/kbs/admin_auth.h"
#include "trustee/kbs/http.h"

namespace cc::trustee {

// Administration through the faces needs the same rights as through the KBS: rules name its paths.
inline constexpr std::string_view kAttestationPolicyPath = "/kbs/v0/attestation-policy";
inline constexpr std::string_view kReferenceValuePath = "/kbs/v0/reference-value";

// Thread-safe.
class RestfulAs {
 public:
  RestfulAs(std::shared_ptr<AttestationService> attestation, std::shared_ptr<PolicyBook> policies,
            std::shared_ptr<AdminAuth> admin)
      : attestation_(std::move(attestation)), policies_(std::move(policies)), admin_(std::move(admin)) {}

  HttpResponse Handle(const HttpRequest& request) const;

 private:
  absl::StatusOr<HttpResponse> Dispatch(const HttpRequest& request) const;
  absl::StatusOr<HttpResponse> Attestation(const HttpRequest& request) const;
  absl::StatusOr<HttpResponse> Policy(const HttpRequest& request, const std::string& id) const;

  const std::shared_ptr<AttestationService> attestation_;
  const std::shared_ptr<PolicyBook> policies_;
  const std::shared_ptr<AdminAuth> admin_;
};

}  // namespace cc::trustee

#endif  // CC_TRUSTEE_FACES_RESTFUL_AS_H_
