// SPDX-License-Identifier: Apache-2.0
// Whether this host's KVM can make Realms, and by which generation of the ABI. Safe on any kernel: capability
// queries, and a trial KVM_CREATE_VM of Realm type that is closed at once.
#ifndef CC_OWNER_NODE_REALM_PROBE_H_
#define CC_OWNER_NODE_REALM_PROBE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace cc::node_check {

// The system calls of the probe; tests put a kernel of their own here.
class Kvm {
 public:
  virtual ~Kvm() = default;
  // KVM_CHECK_EXTENSION on /dev/kvm: 0 when unknown.
  virtual int CheckExtension(uint32_t capability) = 0;
  // KVM_CREATE_VM of `type`, then KVM_CHECK_EXTENSION on the VM, which is closed. The capability's value
  // there, or the negated errno of the creation.
  virtual int TryVm(uint64_t type, uint32_t capability) = 0;
};

struct RealmSupport {
  // Generations that fit what was seen, newest first; more than one where they look alike until a Realm
  // runs. Empty = no Realms.
  std::vector<std::string> generations;
  uint8_t ipa_bits = 0;
  std::string reason;  // in words, either way
};

// `live_capability` is the number that the kernel exports (cca::kLiveCapabilityPath), if it does.
RealmSupport ProbeRealm(Kvm& kvm, std::optional<uint32_t> live_capability);

// The real one, on `device`. PermissionDenied, NotFound ….
absl::StatusOr<std::unique_ptr<Kvm>> OpenKvm(const std::string& device);
std::optional<uint32_t> LiveCapability(const std::string& path);

}  // namespace cc::node_check

#endif  // CC_OWNER_NODE_REALM_PROBE_H_
