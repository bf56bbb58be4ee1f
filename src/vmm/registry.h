// SPDX-License-Identifier: Apache-2.0
// Back ends by name. A program lists the ones it links: no static initialisers, no hidden order.
//
//   vmm::Registry registry;
//   registry.Add("qemu", [] { return std::make_unique<vmm::qemu::QemuVmm>(); });
//   CC_ASSIGN_OR_RETURN(auto vmm, registry.Make("qemu"));
#ifndef CC_VMM_REGISTRY_H_
#define CC_VMM_REGISTRY_H_

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "vmm/vmm.h"

namespace cc::vmm {

class Registry {
 public:
  using Factory = std::function<std::unique_ptr<Vmm>()>;
  void Add(std::string name, Factory factory) { factories_[std::move(name)] = std::move(factory); }
  // InvalidArgument names the known back ends.
  absl::StatusOr<std::unique_ptr<Vmm>> Make(const std::string& name) const;

 private:
  std::map<std::string, Factory> factories_;
};

}  // namespace cc::vmm

#endif  // CC_VMM_REGISTRY_H_
