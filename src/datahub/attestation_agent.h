// SPDX-License-Identifier: Apache-2.0
// The Attestation Agent's service, names and messages as upstream's.
#ifndef CC_DATAHUB_ATTESTATION_AGENT_H_
#define CC_DATAHUB_ATTESTATION_AGENT_H_

#include "datahub/attestation.h"
#include "ttrpc/server.h"

namespace cc::datahub {

// `attestation` must outlive the server.
void RegisterAttestationAgent(Attestation& attestation, ttrpc::Server& server);

}  // namespace cc::datahub

#endif  // CC_DATAHUB_ATTESTATION_AGENT_H_
