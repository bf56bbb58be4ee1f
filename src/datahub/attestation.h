// SPDX-License-Identifier: Apache-2.0
// What this guest proves itself with, and to whom: its attester and its connection to a key broker. Both are
// made when somebody first needs them, so that they add nothing to a start.
#ifndef CC_DATAHUB_ATTESTATION_H_
#define CC_DATAHUB_ATTESTATION_H_

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "attest/as_client.h"
#include "attest/attester/attester.h"
#include "attest/kbs/kbs_client.h"
#include "attest/kbs/tee_key.h"
#include "attest/resource_source.h"
#include "base/secret_bytes.h"
#include "datahub/init_data.h"
#include "initdata/verdict.h"

namespace cc::datahub {

struct AttestationOptions {
  std::string kbs_url;    // empty: there is no key broker
  std::string kbs_roots;  // PEM; when given, the only roots trusted for it
  std::string as_url;     // of an attestation service by itself; empty: there is none
  std::string as_roots;   // as kbs_roots, for the attestation service
  attest::TeeKeyAlgorithm tee_key_algorithm = attest::TeeKeyAlgorithm::kEcdhEsA256KwP256;
  bool insecure_sample_evidence = false;       // without a TEE, evidence that proves nothing
  bool offline_resources = false;              // out of files in the guest image instead of a key broker
  InitDataBinding init_data;                   // empty when the guest was given none
  std::function<std::string()> egress_socket;  // see attest::HttpOptions
};

// Any thread may call.
class Attestation final : public attest::ResourceSource {
 public:
  explicit Attestation(AttestationOptions options) : options_(std::move(options)) {}

  // True when the configuration says where resources come from.
  bool has_resources() const { return !options_.kbs_url.empty() || options_.offline_resources; }
  // FailedPrecondition, with what to configure, when it does not.
  absl::StatusOr<SecretBytes> Get(const attest::ResourceUri& uri) override;

  // Whether the hardware vouches for the initdata. kNoTee, with a warning, where no hardware is: such a guest
  // cannot attest to anybody who cares. Takes the time of one piece of evidence, if there is initdata.
  absl::StatusOr<initdata::Binding> CheckInitData();

  // "cca" or "sample". FailedPrecondition on a machine that cannot attest.
  absl::StatusOr<std::string> Tee();
  // Evidence over `runtime_data`, which becomes the report data as it is: at most 64 bytes.
  absl::StatusOr<std::string> Evidence(std::string_view runtime_data);
  // Of type "kbs": {"token", "tee_keypair"} as JSON text, from the key broker. Of type "coco_as": a JWT from
  // the attestation service. InvalidArgument for another type, FailedPrecondition without the broker or the
  // service.
  absl::StatusOr<SecretBytes> Token(std::string_view type);

 private:
  absl::StatusOr<std::shared_ptr<attest::Attester>> Attester();
  absl::StatusOr<attest::KbsClient*> Kbs();
  absl::StatusOr<attest::AsClient*> As();
  absl::StatusOr<attest::ResourceSource*> Resources();
  absl::StatusOr<std::shared_ptr<attest::Attester>> AttesterLocked();

  const AttestationOptions options_;
  std::mutex mutex_;  // held while one of these is made, never while the broker is talked to
  std::shared_ptr<attest::Attester> attester_;
  std::unique_ptr<attest::KbsClient> kbs_;
  std::unique_ptr<attest::AsClient> as_;
  std::unique_ptr<attest::ResourceSource> offline_;
};

}  // namespace cc::datahub

#endif  // CC_DATAHUB_ATTESTATION_H_
