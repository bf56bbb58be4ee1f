// SPDX-License-Identifier: Apache-2.0
#include "attest/attester/detect.h"

#include "attest/attester/cca_attester.h"
#include "base/status.h"
#include "base/strings.h"

namespace cc::attest {

absl::StatusOr<std::unique_ptr<Attester>> DetectAttester(const DetectOptions& options) {
  const absl::StatusOr<std::string> provider = options.reports.Provider();
  if (provider.ok() && *provider == kCcaTsmProvider) {
    return std::make_unique<CcaAttester>(options.reports, options.init_data_digest);
  }
  if (provider.ok()) {
    return absl::FailedPreconditionError(StrCat("attestation: the TEE of this machine has the TSM provider '",
                                                *provider, "'; only '", kCcaTsmProvider, "' is supported"));
  }
  if (!absl::IsNotFound(provider.status())) {
    return absl::FailedPreconditionError(
        StrCat("attestation: the TEE of this machine does not work: ", MessageOf(provider.status())));
  }
  if (options.sample.has_value()) return std::make_unique<SampleAttester>(*options.sample);
  return absl::FailedPreconditionError(
      StrCat("attestation: no TEE found (", MessageOf(provider.status()),
             "), and the guest's measured configuration does not allow sample evidence"));
}

}  // namespace cc::attest
