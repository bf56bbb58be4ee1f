// SPDX-License-Identifier: Apache-2.0
// The life of cc-vmm: receives one VM's description, builds it, runs it, and tells the shim how it ended.
// Ends with the VM or with the shim, whichever ends first.
#ifndef CC_VMM_KVM_GUEST_SERVER_H_
#define CC_VMM_KVM_GUEST_SERVER_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/unique_fd.h"
#include "cca/realm/kvm_calls.h"
#include "vmm/kvm/control/launch.h"
#include "vmm/kvm/control/message.h"
#include "vmm/kvm/guest/guest.h"
#include "vmm/kvm/jail/threads.h"

namespace cc::vmm::kvm {

class Server {
 public:
  struct Options {
    cca::realm::KvmCalls* kvm = nullptr;
    UniqueFd control;
    UniqueFd kvm_device;
    UniqueFd console;
    // Gives up everything that running a VM does not need. Called once, when all descriptors are there and
    // nothing of the VM's description has been looked at but that.
    std::function<absl::Status(const Launch&)> confine;
    // Called on each thread when the guest starts: gives up what a thread of that kind does not need.
    std::function<void(jail::ThreadKind)> enter = [](jail::ThreadKind) {};
  };
  static absl::StatusOr<std::unique_ptr<Server>> Create(Options options);

  // Returns when the VM or the shim has ended. An error is worth a line on stderr.
  absl::Status Run();

 private:
  explicit Server(Options options) : options_(std::move(options)) {}
  // False when the shim is gone.
  absl::StatusOr<bool> HandleMessages();
  absl::Status Handle(const nlohmann::json& message);
  absl::Status CreateGuest(const nlohmann::json& description);

  Options options_;
  MessageReader reader_;
  UniqueFd ended_event_;
  std::string ending_;  // written before ended_event_ is
  bool running_ = false;
  std::unique_ptr<Guest> guest_;
};

}  // namespace cc::vmm::kvm

#endif  // CC_VMM_KVM_GUEST_SERVER_H_
