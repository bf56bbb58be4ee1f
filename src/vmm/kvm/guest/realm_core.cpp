// SPDX-License-Identifier: Apache-2.0
#include "vmm/kvm/guest/realm_core.h"

#include <unistd.h>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "base/status.h"
#include "base/strings.h"
#include "cca/realm/probe.h"
#include "cca/realm/realm_vm.h"
#include "vmm/virtio/guest_memory.h"

namespace cc::vmm::kvm {
namespace {

using cca::realm::RealmVm;

cca::realm::ProbeRequest Wishes(const cca::RealmParams& params) {
  cca::realm::ProbeRequest request;
  request.ipa_bits = params.ipa_bits;
  request.hash = params.hash;
  request.rpv = std::any_of(params.rpv.begin(), params.rpv.end(), [](uint8_t byte) { return byte != 0; });
  request.page_size = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  return request;
}

// What devices see: the shared side, by either of a page's two addresses.
absl::StatusOr<std::shared_ptr<const virtio::GuestMemory>> SharedSide(RealmVm& realm) {
  std::vector<virtio::MemoryRegion> regions;
  for (const cca::realm::SharedRange& range : realm.memory().ranges()) {
    regions.push_back({.guest_address = range.base, .size = range.size, .fd = range.fd});
  }
  return virtio::GuestMemory::Map(regions, realm.alias().bit());
}

}  // namespace

absl::StatusOr<VmCore> MakeRealm(cca::realm::KvmCalls& kvm, int device, const Machine& machine,
                                 VmParts& parts) {
  const cca::realm::RealmSupport support =
      cca::realm::ProbeRealmOn(kvm, device, Wishes(machine.layout.params));
  if (!support.usable()) {
    return absl::FailedPreconditionError(
        StrCat("tee = \"cca\" is not possible here: ", support.finding, "; ", support.fix));
  }
  CC_ASSIGN_OR_RETURN(const cca::RealmPlan plan, cca::OrderPlan(machine.layout, support.abi->order));
  CC_ASSIGN_OR_RETURN(std::unique_ptr<RealmVm> made, RealmVm::Create(kvm, device, support, plan, parts));
  const std::shared_ptr<RealmVm> realm = std::move(made);
  CC_ASSIGN_OR_RETURN(std::shared_ptr<const virtio::GuestMemory> memory, SharedSide(*realm));
  return VmCore{.memory = std::move(memory),
                .owner = realm,
                .vm = realm->vm(),
                .run = [vm = realm.get()](int vcpu, void* run) { return vm->Run(vcpu, run); }};
}

}  // namespace cc::vmm::kvm
