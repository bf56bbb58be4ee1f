// SPDX-License-Identifier: Apache-2.0
// The service's HTTP interface: which endpoint answers a request, and who may use it.
//
//   POST   /kbs/v0/auth, /kbs/v0/attest             guests
//   GET    /kbs/v0/resource/REPOSITORY/TYPE/TAG     attested guests
//   POST, DELETE of the same                        administrators, as all that follow
//   POST, GET  /kbs/v0/resource-policy              set; list of ids
//   POST, GET  /kbs/v0/attestation-policy           set; list of ids
//   POST       /kbs/v0/reference-value              register a message
//   GET, DELETE /kbs/v0/reference-value/NAME…       escapes are decoded once; the name may have slashes
//   GET    /kbs/v0/explain/SESSION                  why: label of the session as in the log
//   GET    /.well-known/jwks.json, /healthz, /metrics   anybody
#ifndef CC_TRUSTEE_KBS_API_H_
#define CC_TRUSTEE_KBS_API_H_

#include <memory>

#include "trustee/attestation/attestation_service.h"
#include "trustee/faces/remote_as.h"
#include "trustee/kbs/admin_auth.h"
#include "trustee/kbs/handshake.h"
#include "trustee/kbs/metrics.h"
#include "trustee/kbs/path.h"
#include "trustee/kbs/resources.h"

namespace cc::trustee {

// Thread-safe.
class Api {
 public:
  struct Parts {
    // Null when `remote` is set, which then also has the attestation policies and the reference values.
    std::shared_ptr<AttestationService> attestation;
    std::shared_ptr<RemoteAs> remote;
    std::shared_ptr<PolicyBook> policies;
    std::shared_ptr<ReferenceValues> reference_values;
    std::shared_ptr<DecisionLog> decisions;
    std::shared_ptr<Metrics> metrics;
    std::shared_ptr<Handshake> handshake;
    std::shared_ptr<Resources> resources;
    std::shared_ptr<AdminAuth> admin;
  };
  explicit Api(Parts parts) : parts_(std::move(parts)) {}

  HttpResponse Handle(const HttpRequest& request) const;

 private:
  using Path = std::vector<std::string>;
  struct Route {
    std::string_view name;
    std::string_view method;
    bool deep;  // more segments follow the name
    bool admin;
    HttpResponse (Api::*handler)(const HttpRequest&, const Target&, const Path&) const;
  };
  static const Route kRoutes[];

  HttpResponse Dispatch(const HttpRequest& request, std::string* endpoint) const;
  HttpResponse Public(const HttpRequest& request, const Target& target) const;

  HttpResponse Auth(const HttpRequest&, const Target&, const Path&) const;
  HttpResponse Attest(const HttpRequest&, const Target&, const Path&) const;
  HttpResponse GetResource(const HttpRequest&, const Target&, const Path&) const;
  HttpResponse PutResource(const HttpRequest&, const Target&, const Path&) const;
  HttpResponse RemoveResource(const HttpRequest&, const Target&, const Path&) const;
  HttpResponse SetResourcePolicy(const HttpRequest&, const Target&, const Path&) const;
  HttpResponse ListResourcePolicies(const HttpRequest&, const Target&, const Path&) const;
  HttpResponse SetAttestationPolicy(const HttpRequest&, const Target&, const Path&) const;
  HttpResponse ListAttestationPolicies(const HttpRequest&, const Target&, const Path&) const;
  HttpResponse RegisterReferenceValue(const HttpRequest&, const Target&, const Path&) const;
  HttpResponse QueryReferenceValue(const HttpRequest&, const Target&, const Path&) const;
  HttpResponse RemoveReferenceValue(const HttpRequest&, const Target&, const Path&) const;
  HttpResponse Explain(const HttpRequest&, const Target&, const Path&) const;

  const Parts parts_;
};

}  // namespace cc::trustee

#endif  // CC_TRUSTEE_KBS_API_H_
