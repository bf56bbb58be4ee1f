// SPDX-License-Identifier: Apache-2.0
// The bytes of a file that becomes part of a guest, mapped and not copied: a kernel of tens of MB must not
// stay in the VMM's memory beside the guest's.
#ifndef CC_VMM_KVM_MACHINE_GUEST_FILE_H_
#define CC_VMM_KVM_MACHINE_GUEST_FILE_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace cc::vmm::kvm {

struct GuestFile {
  std::string name;                   // for messages
  std::string_view bytes;             // valid as long as `owner`
  std::shared_ptr<const void> owner;  // unmaps with its last copy
};

// InvalidArgument for an empty file and for anything that is no regular file. Whoever can shorten the file
// while it is mapped can end this process; it is as trusted as the process's own program file.
absl::StatusOr<GuestFile> MapGuestFile(int fd, std::string name);
absl::StatusOr<GuestFile> MapGuestFile(const std::string& path);

// `bytes` as a file of their own.
GuestFile OwnedGuestFile(std::string name, std::string bytes);

}  // namespace cc::vmm::kvm

#endif  // CC_VMM_KVM_MACHINE_GUEST_FILE_H_
