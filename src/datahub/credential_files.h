// SPDX-License-Identifier: Apache-2.0
// Resources that the configuration wants as files (`credentials` of cdh.toml, cdh.kbs_resources).
#ifndef CC_DATAHUB_CREDENTIAL_FILES_H_
#define CC_DATAHUB_CREDENTIAL_FILES_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "attest/resource_source.h"
#include "datahub/config/kernel_params.h"

namespace cc::datahub {

// Fetches the resource and writes it, mode 0600, in directories made as needed. A symbolic link on the way is
// refused. `root` is kCredentialRoot but in tests.
absl::Status StoreCredential(const Credential& credential, attest::ResourceSource& resources,
                             const std::string& root = std::string(kCredentialRoot));

// Each of them; what fails is logged and does not keep the others back.
void StoreCredentials(const std::vector<Credential>& credentials, attest::ResourceSource& resources);

}  // namespace cc::datahub

#endif  // CC_DATAHUB_CREDENTIAL_FILES_H_
