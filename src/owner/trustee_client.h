// SPDX-License-Identifier: Apache-2.0
// The administrator's side of the KBS protocol (0.4.0): resources, policies and reference values of a trust
// service, ours or upstream's.
//
//   CC_ASSIGN_OR_RETURN(auto trustee, TrusteeClient::Create({.url = "https://trust:8080", .token = jwt}));
//   CC_RETURN_IF_ERROR(trustee->PutResource(*ResourceUri::Parse("kbs:///default/key/1"), key));
#ifndef CC_OWNER_TRUSTEE_CLIENT_H_
#define CC_OWNER_TRUSTEE_CLIENT_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "attest/kbs/http.h"
#include "attest/resource_uri.h"

namespace cc::owner {

struct TrusteeOptions {
  std::string url;        // http(s)://host[:port][/prefix]
  std::string token;      // administrator's JWT; without it only a service that lets anybody in obeys
  std::string roots_pem;  // the only roots trusted, when given
};

// A refusal carries the service's own reason. Unauthenticated (no or a bad token), PermissionDenied (the role
// may not), NotFound, InvalidArgument (the service does not accept what was sent), Unavailable. Upstream's
// service answers 401 to nearly everything: Unauthenticated can then mean any of these. Thread-safe.
class TrusteeClient {
 public:
  // Talks to nobody. InvalidArgument for a bad URL, or a token over plain HTTP to another host.
  static absl::StatusOr<std::unique_ptr<TrusteeClient>> Create(TrusteeOptions options);

  absl::Status PutResource(const attest::ResourceUri& uri, std::string_view bytes) const;
  absl::Status DeleteResource(const attest::ResourceUri& uri) const;

  absl::Status SetResourcePolicy(std::string_view rego) const;
  // The service shows ids, not texts.
  absl::StatusOr<std::vector<std::string>> ListResourcePolicies() const;
  absl::Status SetAttestationPolicy(std::string_view id, std::string_view rego) const;

  // A message as reference_values.h makes it.
  absl::Status RegisterReferenceValues(std::string_view message) const;
  // The value as JSON text.
  absl::StatusOr<std::string> GetReferenceValue(std::string_view name) const;

  // Of cc-trustee only: {"session", "decisions", "text"} as JSON text.
  absl::StatusOr<std::string> Explain(std::string_view session) const;
  // Of an attestation service that publishes it: the JWKS that its tokens are verified with.
  absl::StatusOr<std::string> KeySet() const;

 private:
  TrusteeClient(TrusteeOptions options, std::unique_ptr<attest::HttpClient> http)
      : options_(std::move(options)), http_(std::move(http)) {}
  // The body of a 2xx answer. `what` says what is attempted.
  absl::StatusOr<std::string> Call(std::string_view method, std::string_view path, std::string_view body,
                                   std::string_view content_type, std::string_view what) const;

  const TrusteeOptions options_;
  const std::unique_ptr<attest::HttpClient> http_;
};

}  // namespace cc::owner

#endif  // CC_OWNER_TRUSTEE_CLIENT_H_
