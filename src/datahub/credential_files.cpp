// SPDX-License-Identifier: Apache-2.0
#include "datahub/credential_files.h"

#include <fcntl.h>

#include <filesystem>

#include "base/beneath.h"
#include "base/file.h"
#include "base/log.h"
#include "base/status.h"

namespace cc::datahub {

absl::Status StoreCredential(const Credential& credential, attest::ResourceSource& resources,
                             const std::string& root) {
  CC_ASSIGN_OR_RETURN(const SecretBytes content, resources.Get(credential.resource));
  std::error_code error;
  std::filesystem::create_directories(root, error);
  CC_ASSIGN_OR_RETURN(const UniqueFd root_fd, OpenFile(root, O_PATH | O_DIRECTORY));
  CC_ASSIGN_OR_RETURN(const SplitPath path, SplitLast(credential.path.substr(kCredentialRoot.size() + 1)));
  CC_ASSIGN_OR_RETURN(const UniqueFd directory, MakeDirsBeneath(root_fd.get(), path.directory, 0700));
  CC_ASSIGN_OR_RETURN(const UniqueFd file,
                      OpenBeneath(directory.get(), path.name, O_WRONLY | O_CREAT | O_TRUNC, 0600));
  return WriteFull(file.get(), content.view());
}

void StoreCredentials(const std::vector<Credential>& credentials, attest::ResourceSource& resources) {
  for (const Credential& credential : credentials) {
    const absl::Status status = StoreCredential(credential, resources);
    if (!status.ok()) {
      log::Error(
          "credential not stored",
          {{"resource", credential.resource.ToString()}, {"path", credential.path}, {"cause", status}});
    }
  }
}

}  // namespace cc::datahub
