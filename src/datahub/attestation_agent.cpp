// SPDX-License-Identifier: Apache-2.0
#include "datahub/attestation_agent.h"

#include <string>

#include "base/status.h"
#include "coco/attestation_agent.pb.h"

namespace cc::datahub {
namespace {

namespace aa = attestation_agent;
constexpr char kService[] = "attestation_agent.AttestationAgentService";

}  // namespace

void RegisterAttestationAgent(Attestation& attestation, ttrpc::Server& server) {
  using ttrpc::CallContext;
  server.Handle<aa::GetEvidenceRequest, aa::GetEvidenceResponse>(
      kService, "GetEvidence",
      [&attestation](const CallContext&, const aa::GetEvidenceRequest& request,
                     aa::GetEvidenceResponse& response) -> absl::Status {
        CC_ASSIGN_OR_RETURN(*response.mutable_evidence(), attestation.Evidence(request.runtimedata()));
        return absl::OkStatus();
      });
  server.Handle<aa::GetTokenRequest, aa::GetTokenResponse>(
      kService, "GetToken",
      [&attestation](const CallContext&, const aa::GetTokenRequest& request,
                     aa::GetTokenResponse& response) -> absl::Status {
        CC_ASSIGN_OR_RETURN(const SecretBytes token, attestation.Token(request.tokentype()));
        response.set_token(std::string(token.view()));
        return absl::OkStatus();
      });
  server.Handle<aa::GetTeeTypeRequest, aa::GetTeeTypeResponse>(
      kService, "GetTeeType",
      [&attestation](const CallContext&, const aa::GetTeeTypeRequest&,
                     aa::GetTeeTypeResponse& response) -> absl::Status {
        CC_ASSIGN_OR_RETURN(*response.mutable_tee(), attestation.Tee());
        return absl::OkStatus();
      });
  // No further devices: an empty text and an empty list say so.
  server.Handle<aa::GetAdditionalEvidenceRequest, aa::GetEvidenceResponse>(
      kService, "GetAdditionalEvidence",
      [](const CallContext&, const aa::GetAdditionalEvidenceRequest&, aa::GetEvidenceResponse&) {
        return absl::OkStatus();
      });
  server.Handle<aa::GetAdditionalTeesRequest, aa::GetAdditionalTeesResponse>(
      kService, "GetAdditionalTees",
      [](const CallContext&, const aa::GetAdditionalTeesRequest&, aa::GetAdditionalTeesResponse&) {
        return absl::OkStatus();
      });
  server.Handle<aa::ExtendRuntimeMeasurementRequest, aa::ExtendRuntimeMeasurementResponse>(
      kService, "ExtendRuntimeMeasurement",
      [](const CallContext&, const aa::ExtendRuntimeMeasurementRequest&,
         aa::ExtendRuntimeMeasurementResponse& response) {
        response.set_result(aa::NOT_SUPPORTED);
        return absl::OkStatus();
      });
  server.Handle<aa::BindInitDataRequest, aa::BindInitDataResponse>(
      kService, "BindInitData",
      [](const CallContext&, const aa::BindInitDataRequest&, aa::BindInitDataResponse&) {
        return absl::UnimplementedError(
            "bind initdata: this kind of TEE is given its initdata digest before the guest starts, and "
            "nothing "
            "can be added to it later");
      });
}

}  // namespace cc::datahub
