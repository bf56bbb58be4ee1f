// SPDX-License-Identifier: Apache-2.0
#include "datahub/attestation.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "attest/attester/detect.h"
#include "attest/offline_keys.h"
#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"

namespace cc::datahub {
namespace {

constexpr char kNoBroker[] =
    "this guest has no key broker; set attestation.kbs_url in the runtime's configuration (kernel parameter "
    "agent.aa_kbc_params=cc_kbc::<URL>)";

constexpr char kNoAttestationService[] =
    "this guest has no attestation service to get a token from; set token_configs.coco_as.url in aa.toml";

}  // namespace

absl::StatusOr<std::shared_ptr<attest::Attester>> Attestation::AttesterLocked() {
  if (attester_ != nullptr) return attester_;
  attest::DetectOptions detect{.init_data_digest = options_.init_data.digest};
  if (options_.insecure_sample_evidence) detect.sample = attest::AllowSampleEvidence{};
  CC_ASSIGN_OR_RETURN(attester_, attest::DetectAttester(detect));
  if (attester_->tee() == "sample") log::Warning("attesting with sample evidence, which proves nothing");
  return attester_;
}

absl::StatusOr<std::shared_ptr<attest::Attester>> Attestation::Attester() {
  const std::lock_guard lock(mutex_);
  return AttesterLocked();
}

absl::StatusOr<attest::KbsClient*> Attestation::Kbs() {
  if (options_.kbs_url.empty()) return absl::FailedPreconditionError(kNoBroker);
  const std::lock_guard lock(mutex_);
  if (kbs_ != nullptr) return kbs_.get();
  CC_ASSIGN_OR_RETURN(std::shared_ptr<attest::Attester> attester, AttesterLocked());
  attest::KbsOptions kbs;
  kbs.url = options_.kbs_url;
  kbs.tee_key_algorithm = options_.tee_key_algorithm;
  if (!options_.init_data.text.empty()) kbs.init_data = options_.init_data.text;
  kbs.http.roots_pem = options_.kbs_roots;
  kbs.http.egress_socket = options_.egress_socket;
  CC_ASSIGN_OR_RETURN(kbs_, attest::KbsClient::Create(std::move(kbs), std::move(attester)));
  return kbs_.get();
}

absl::StatusOr<attest::AsClient*> Attestation::As() {
  if (options_.as_url.empty()) return absl::FailedPreconditionError(kNoAttestationService);
  const std::lock_guard lock(mutex_);
  if (as_ != nullptr) return as_.get();
  CC_ASSIGN_OR_RETURN(std::shared_ptr<attest::Attester> attester, AttesterLocked());
  attest::AsOptions as{.url = options_.as_url};
  if (!options_.init_data.text.empty()) as.init_data = options_.init_data.text;
  as.http.roots_pem = options_.as_roots;
  as.http.egress_socket = options_.egress_socket;
  CC_ASSIGN_OR_RETURN(as_, attest::AsClient::Create(std::move(as), std::move(attester)));
  return as_.get();
}

absl::StatusOr<attest::ResourceSource*> Attestation::Resources() {
  if (!options_.offline_resources) return Kbs();
  const std::lock_guard lock(mutex_);
  if (offline_ == nullptr) {
    CC_ASSIGN_OR_RETURN(attest::OfflineKeys keys,
                        attest::OfflineKeys::Load(attest::OfflineKeys::DefaultPaths()));
    offline_ = std::make_unique<attest::OfflineKeys>(std::move(keys));
  }
  return offline_.get();
}

absl::StatusOr<SecretBytes> Attestation::Get(const attest::ResourceUri& uri) {
  const absl::StatusOr<attest::ResourceSource*> resources = Resources();
  if (!resources.ok()) return Annotate(resources.status(), StrCat("get ", uri.ToString()));
  return (*resources)->Get(uri);
}

absl::StatusOr<initdata::Binding> Attestation::CheckInitData() {
  if (options_.init_data.digest.empty()) return initdata::Binding::kBound;
  const absl::StatusOr<std::shared_ptr<attest::Attester>> attester = Attester();
  if (!attester.ok() || (*attester)->tee() == "sample") {
    log::Warning("no TEE vouches for the initdata that the host delivered", {{"cause", attester.status()}});
    return initdata::Binding::kNoTee;
  }
  CC_RETURN_IF_ERROR((*attester)->GetEvidence({}).status());
  return initdata::Binding::kBound;
}

absl::StatusOr<std::string> Attestation::Tee() {
  CC_ASSIGN_OR_RETURN(const std::shared_ptr<attest::Attester> attester, Attester());
  return std::string(attester->tee());
}

absl::StatusOr<std::string> Attestation::Evidence(std::string_view runtime_data) {
  if (runtime_data.size() > attest::kMaxReportData) {
    return absl::InvalidArgumentError(StrCat("get evidence: runtime data of ", runtime_data.size(),
                                             " bytes, a report takes ", attest::kMaxReportData,
                                             "; pass a hash of it"));
  }
  CC_ASSIGN_OR_RETURN(const std::shared_ptr<attest::Attester> attester, Attester());
  return attester->GetEvidence(runtime_data);
}

absl::StatusOr<SecretBytes> Attestation::Token(std::string_view type) {
  if (type == "coco_as") {
    CC_ASSIGN_OR_RETURN(attest::AsClient* const as, As());
    CC_ASSIGN_OR_RETURN(std::string token, as->GetToken());
    return SecretBytes(std::move(token));
  }
  if (type != "kbs") {
    return absl::InvalidArgumentError(
        StrCat("get a token of type '", type.substr(0, 64), "': there are 'kbs' and 'coco_as'"));
  }
  CC_ASSIGN_OR_RETURN(attest::KbsClient* const kbs, Kbs());
  CC_ASSIGN_OR_RETURN(const attest::KbsClient::TokenAndKey token, kbs->GetToken());
  return SecretBytes(nlohmann::json{{"token", token.token}, {"tee_keypair", token.key_pem.view()}}.dump());
}

}  // namespace cc::datahub
