// SPDX-License-Identifier: Apache-2.0
// The data hub's services that give out secrets, names and messages as upstream's: GetResource, UnsealSecret,
// and UnWrapKey of ocicrypt's key provider protocol.
#ifndef CC_DATAHUB_SECRET_SERVICE_H_
#define CC_DATAHUB_SECRET_SERVICE_H_

#include "attest/resource_source.h"
#include "attest/sealed_secret.h"
#include "ttrpc/server.h"

namespace cc::datahub {

// `resources` must outlive the server.
void RegisterSecretServices(attest::ResourceSource& resources, attest::UnsealOptions unseal,
                            ttrpc::Server& server);

}  // namespace cc::datahub

#endif  // CC_DATAHUB_SECRET_SERVICE_H_
