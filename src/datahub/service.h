// SPDX-License-Identifier: Apache-2.0
// The Confidential Data Hub's image service on a ttrpc server, names and messages as the guest agent calls
// them.
#ifndef CC_DATAHUB_SERVICE_H_
#define CC_DATAHUB_SERVICE_H_

#include "image/puller.h"
#include "ttrpc/server.h"

namespace cc::datahub {

// `puller` must outlive the server. A pull is cancelled when its caller goes away.
void RegisterServices(image::Puller& puller, ttrpc::Server& server);

}  // namespace cc::datahub

#endif  // CC_DATAHUB_SERVICE_H_
