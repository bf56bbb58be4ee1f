// SPDX-License-Identifier: Apache-2.0
// What cc-vmm gives up before it looks at the guest's files, so that whoever takes it over has no more than
// its open descriptors and the guest he came from.
//
//   const absl::StatusOr<Jail> jail = Jail::Close({...});     // one thread, working directory = sockets
//   jail->Enter(ThreadKind::kDevices);                        // first thing on each thread
//
// It does not hide the guest's own memory and disks, nor the sockets in the working directory, which are the
// guest's to talk to anyway. The process keeps its user as the host sees it (the shim's, root): the directory
// and its sockets are that user's; with an empty root there is nothing else to own.
#ifndef CC_VMM_KVM_JAIL_JAIL_H_
#define CC_VMM_KVM_JAIL_JAIL_H_

#include <array>

#include "absl/status/statusor.h"
#include "vmm/kvm/jail/filter.h"
#include "vmm/kvm/jail/namespaces.h"
#include "vmm/kvm/jail/privileges.h"

namespace cc::vmm::kvm::jail {

class Jail {
 public:
  // From here on nothing but the rules' calls is possible. Any error is a reason to end: the process may have
  // lost some privileges and not others. A missing user, network, IPC or UTS namespace is none, it is a
  // warning in the log.
  static absl::StatusOr<Jail> Close(const Limits& limits, Network network = Network::kOwn,
                                    Allowed allowed = Allowed::kAllow);

  // Takes from the calling thread what its kind does not need. Ends the process when that fails.
  void Enter(ThreadKind kind) const;

 private:
  std::array<Program, kThreadKinds> programs_;
};

}  // namespace cc::vmm::kvm::jail

#endif  // CC_VMM_KVM_JAIL_JAIL_H_
