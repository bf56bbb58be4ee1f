// SPDX-License-Identifier: Apache-2.0
// Resources that a guest image brings along (upstream's offline_fs_kbc): JSON objects from
// <repository>/<type>/<tag> to base64. Whoever has the image has the secrets, so this is for tests, and for
// public keys and policies.
#ifndef CC_ATTEST_OFFLINE_KEYS_H_
#define CC_ATTEST_OFFLINE_KEYS_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "attest/resource_source.h"

namespace cc::attest {

// Immutable; any thread may call.
class OfflineKeys final : public ResourceSource {
 public:
  // Files that do not exist are left out; a name that two files have is InvalidArgument.
  static absl::StatusOr<OfflineKeys> Load(const std::vector<std::string>& paths);
  static std::vector<std::string> DefaultPaths() {
    return {"/etc/aa-offline_fs_kbc-keys.json", "/etc/aa-offline_fs_kbc-resources.json"};
  }

  absl::StatusOr<SecretBytes> Get(const ResourceUri& uri) override;

 private:
  std::map<std::string, SecretBytes> resources_;
};

}  // namespace cc::attest

#endif  // CC_ATTEST_OFFLINE_KEYS_H_
