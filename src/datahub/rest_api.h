// SPDX-License-Identifier: Apache-2.0
// The REST face of data hub and attestation agent for containers, paths and answers as upstream's:
//
//   GET /info
//   GET /cdh/resource/<repository>/<type>/<tag>
//   GET /aa/token?token_type=kbs
//   GET /aa/evidence?runtime_data=<text>[&encoding=base64]     (base64url without padding)
//   GET /aa/additional-evidence?runtime_data=<text>
//   POST /aa/aael
//
// Requests come from containers: a container may ask, the key broker's policy decides.
#ifndef CC_DATAHUB_REST_API_H_
#define CC_DATAHUB_REST_API_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/secret_bytes.h"
#include "datahub/attestation.h"

namespace cc::datahub {

struct RestFeatures {
  bool resource = false, attestation = false;

  bool any() const { return resource || attestation; }
  std::string_view name() const;  // "resource", "attestation", "all" or "none"
};
// The value of agent.guest_components_rest_api. InvalidArgument for any other.
absl::StatusOr<RestFeatures> ParseRestFeatures(std::string_view name);

struct RestRequest {
  std::string method, target;
};
struct RestResponse {
  unsigned status = 200;
  std::string_view content_type;
  SecretBytes body;
};

// Any thread may call.
class RestApi {
 public:
  // `attestation` must outlive this.
  RestApi(Attestation& attestation, RestFeatures features) : attestation_(attestation), features_(features) {}
  RestResponse Handle(const RestRequest& request) const;

 private:
  RestResponse Info() const;
  RestResponse Resource(std::string_view path) const;
  RestResponse AttestationPath(const RestRequest& request, std::string_view path,
                               std::string_view query) const;

  Attestation& attestation_;
  const RestFeatures features_;
};

}  // namespace cc::datahub

#endif  // CC_DATAHUB_REST_API_H_
