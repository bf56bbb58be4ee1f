// SPDX-License-Identifier: Apache-2.0
// Resources: given to attested guests that the resource policy allows, encrypted to the key in their token;
// written and removed by administrators. Thread-safe.
#ifndef CC_TRUSTEE_KBS_RESOURCES_H_
#define CC_TRUSTEE_KBS_RESOURCES_H_

#include <memory>
#include <nlohmann/json_fwd.hpp>

#include "trustee/attestation/decision.h"
#include "trustee/attestation/token_verifier.h"
#include "trustee/clock.h"
#include "trustee/kbs/http.h"
#include "trustee/kbs/metrics.h"
#include "trustee/kbs/path.h"
#include "trustee/kbs/session.h"
#include "trustee/policies/policy_book.h"
#include "trustee/store/store.h"

namespace cc::trustee {

class Resources {
 public:
  struct Parts {
    std::shared_ptr<Store> store;
    std::shared_ptr<Sessions> sessions;
    std::shared_ptr<PolicyBook> policies;
    std::shared_ptr<DecisionLog> decisions;
    std::shared_ptr<Metrics> metrics;
    std::shared_ptr<TokenVerifier> tokens;
    Clock clock;
  };
  explicit Resources(Parts parts) : parts_(std::move(parts)) {}

  // `path` is what follows /resource/. The caller has checked the administrator for Put and Remove.
  HttpResponse Get(const HttpRequest& request, const Target& target,
                   const std::vector<std::string>& path) const;
  HttpResponse Put(const HttpRequest& request, const std::vector<std::string>& path) const;
  HttpResponse Remove(const std::vector<std::string>& path) const;

 private:
  absl::StatusOr<std::string> FindToken(const HttpRequest& request) const;
  // OK, PermissionDenied with the reasons in words, or what went wrong.
  absl::Status Authorize(const nlohmann::json& claims, const Target& target,
                         const std::vector<std::string>& path, const std::string& name) const;

  const Parts parts_;
};

}  // namespace cc::trustee

#endif  // CC_TRUSTEE_KBS_RESOURCES_H_
