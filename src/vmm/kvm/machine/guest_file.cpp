// SPDX-License-Identifier: Apache-2.0
#include "vmm/kvm/machine/guest_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <utility>

#include "base/file.h"
#include "base/status.h"
#include "base/strings.h"

namespace cc::vmm::kvm {

absl::StatusOr<GuestFile> MapGuestFile(int fd, std::string name) {
  struct stat st;
  if (::fstat(fd, &st) != 0) return ErrnoStatus(errno, StrCat("stat ", name));
  if (!S_ISREG(st.st_mode) || st.st_size == 0) {
    return absl::InvalidArgumentError(StrCat(name, " is empty or no regular file"));
  }
  const auto size = static_cast<size_t>(st.st_size);
  void* data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
  if (data == MAP_FAILED) return ErrnoStatus(errno, StrCat("map ", name));
  std::shared_ptr<const void> owner(data, [size](void* mapped) { ::munmap(mapped, size); });
  return GuestFile{std::move(name), {static_cast<const char*>(data), size}, std::move(owner)};
}

absl::StatusOr<GuestFile> MapGuestFile(const std::string& path) {
  CC_ASSIGN_OR_RETURN(const UniqueFd fd, OpenFile(path, O_RDONLY));
  return MapGuestFile(fd.get(), path);
}

GuestFile OwnedGuestFile(std::string name, std::string bytes) {
  const auto owned = std::make_shared<const std::string>(std::move(bytes));
  return {std::move(name), *owned, owned};
}

}  // namespace cc::vmm::kvm
