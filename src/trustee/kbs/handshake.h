// SPDX-License-Identifier: Apache-2.0
// /auth and /attest: the handshake of the KBS protocol (RCAR). Thread-safe.
#ifndef CC_TRUSTEE_KBS_HANDSHAKE_H_
#define CC_TRUSTEE_KBS_HANDSHAKE_H_

#include <memory>

#include "trustee/attestation/appraiser.h"
#include "trustee/kbs/http.h"
#include "trustee/kbs/metrics.h"
#include "trustee/kbs/session.h"

namespace cc::trustee {

class Handshake {
 public:
  Handshake(std::shared_ptr<Appraiser> appraiser, std::shared_ptr<Sessions> sessions,
            std::shared_ptr<Metrics> metrics)
      : appraiser_(std::move(appraiser)), sessions_(std::move(sessions)), metrics_(std::move(metrics)) {}

  HttpResponse Auth(const HttpRequest& request) const;
  HttpResponse Attest(const HttpRequest& request) const;

 private:
  const std::shared_ptr<Appraiser> appraiser_;
  const std::shared_ptr<Sessions> sessions_;
  const std::shared_ptr<Metrics> metrics_;
};

}  // namespace cc::trustee

#endif  // CC_TRUSTEE_KBS_HANDSHAKE_H_
