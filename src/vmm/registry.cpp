// SPDX-License-Identifier: Apache-2.0
#include "vmm/registry.h"

#include "base/strings.h"

namespace cc::vmm {

absl::StatusOr<std::unique_ptr<Vmm>> Registry::Make(const std::string& name) const {
  const auto found = factories_.find(name);
  if (found != factories_.end()) return found->second();
  std::vector<std::string> known;
  for (const auto& [key, factory] : factories_) known.push_back(key);
  return absl::InvalidArgumentError(
      StrCat("vmm = \"", name, "\" is unknown; this program has: ", StrJoin(known, ", ")));
}

}  // namespace cc::vmm
