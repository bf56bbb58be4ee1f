// SPDX-License-Identifier: Apache-2.0
#include "attest/ocicrypt/staging.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "base/file.h"
#include "base/status.h"
#include "base/strings.h"

namespace cc::attest {
namespace {

// Punching a hole per chunk would cost a system call each; a few MiB late does no harm.
constexpr uint64_t kGiveBack = uint64_t{8} << 20;

}  // namespace

absl::StatusOr<Staging> Staging::Create(const std::string& name) {
  UniqueFd fd(::memfd_create(name.c_str(), MFD_CLOEXEC));
  if (!fd) return ErrnoStatus(errno, "reserve memory for an encrypted layer");
  return Staging(std::move(fd));
}

absl::Status Staging::Append(std::string_view data) {
  if (absl::Status status = WriteFull(fd_.get(), data); !status.ok()) {
    return Annotate(status, StrCat("keep ", size_ + data.size(), " bytes of an encrypted layer in memory"));
  }
  size_ += data.size();
  return absl::OkStatus();
}

absl::Status Staging::Drain(size_t chunk, const std::function<absl::Status(std::string_view)>& body) {
  if (::lseek(fd_.get(), 0, SEEK_SET) != 0) return ErrnoStatus(errno, "read an encrypted layer from memory");
  std::vector<char> buffer(chunk);
  uint64_t given_back = 0;
  for (uint64_t at = 0; at < size_;) {
    const size_t size = static_cast<size_t>(std::min<uint64_t>(chunk, size_ - at));
    CC_RETURN_IF_ERROR(ReadFull(fd_.get(), buffer.data(), size));
    CC_RETURN_IF_ERROR(body({buffer.data(), size}));
    at += size;
    if (at - given_back < kGiveBack) continue;
    // Failure costs memory only.
    ::fallocate(fd_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(given_back),
                static_cast<off_t>(at - given_back));
    given_back = at;
  }
  return absl::OkStatus();
}

}  // namespace cc::attest
