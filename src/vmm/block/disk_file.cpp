// SPDX-License-Identifier: Apache-2.0
#include "vmm/block/disk_file.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "vmm/device_check.h"
#include "vmm/virtio/io_vectors.h"

namespace cc::vmm::block {
namespace {

// Moves `size` bytes between the file at `position` and `memory` from `skip` on. `move` is preadv or pwritev.
template <typename Move>
bool TransferAll(Move move, int fd, uint64_t position, std::span<const iovec> memory, size_t skip,
                 size_t size, std::vector<iovec>* pieces) {
  for (size_t done = 0; done < size;) {
    pieces->clear();
    virtio::AppendSlice(memory, skip + done, size - done, pieces);
    const int count = static_cast<int>(std::min<size_t>(pieces->size(), IOV_MAX));
    const ssize_t n = move(fd, pieces->data(), count, static_cast<off_t>(position + done));
    if (n < 0 && errno == EINTR) continue;
    // 0: the file has become shorter.
    if (n <= 0) return false;
    done += static_cast<size_t>(n);
  }
  return true;
}

}  // namespace

absl::StatusOr<DiskFile> DiskFile::Create(UniqueFd file, bool read_only, std::string serial) {
  if (serial.size() > kIdBytes) {
    return absl::InvalidArgumentError(StrCat("serial '", serial, "' has more than ", kIdBytes, " bytes"));
  }
  CC_ASSIGN_OR_RETURN(const uint64_t size, DiskSize(file.get()));
  const int mode = ::fcntl(file.get(), F_GETFL) & O_ACCMODE;
  if (mode == O_WRONLY || (!read_only && mode != O_RDWR)) {
    return absl::InvalidArgumentError("it was not opened for what the guest may do with it");
  }
  return DiskFile(std::move(file), size / kSectorBytes, read_only, std::move(serial));
}

uint32_t DiskFile::Serve(const virtio::Chain& chain) {
  if (chain.writable_size == 0) return 0;
  const Outcome outcome = Execute(chain);
  const size_t status_at = chain.writable_size - 1;
  pieces_.clear();
  virtio::AppendSlice(chain.writable, status_at, 1, &pieces_);
  const auto status = static_cast<std::byte>(outcome.status);
  virtio::CopyToGuest(std::span(&status, 1), pieces_);
  // Only what is whole from the start counts.
  return static_cast<uint32_t>(outcome.written + (outcome.written == status_at ? 1 : 0));
}

DiskFile::Outcome DiskFile::Execute(const virtio::Chain& chain) {
  RequestHeader header;
  if (virtio::CopyFromGuest(chain.readable, std::as_writable_bytes(std::span(&header, 1))) !=
      sizeof(header)) {
    return {};
  }
  switch (static_cast<RequestType>(header.type)) {
    case RequestType::kIn:
      return Read(header.sector, chain);
    case RequestType::kOut:
      return Write(header.sector, chain);
    case RequestType::kFlush:
      if (!read_only_ && ::fdatasync(file_.get()) != 0) return {};
      return {.status = RequestStatus::kOk};
    case RequestType::kGetId:
      return Identify(chain);
    // Discard would tell the host which blocks are in use; it and all else is not offered.
    case RequestType::kDiscard:
    default:
      return {.status = RequestStatus::kUnsupported};
  }
}

bool DiskFile::InRange(uint64_t sector, size_t size) const {
  return size > 0 && size <= kMaxTransfer && size % kSectorBytes == 0 && sector <= sectors_ &&
         size / kSectorBytes <= sectors_ - sector;
}

DiskFile::Outcome DiskFile::Read(uint64_t sector, const virtio::Chain& chain) {
  const size_t size = chain.writable_size - 1;
  if (!InRange(sector, size)) return {};
  if (!TransferAll(::preadv, file_.get(), sector * kSectorBytes, chain.writable, 0, size, &pieces_))
    return {};
  return {.status = RequestStatus::kOk, .written = size};
}

DiskFile::Outcome DiskFile::Write(uint64_t sector, const virtio::Chain& chain) {
  const size_t size = chain.readable_size - sizeof(RequestHeader);
  if (read_only_ || !InRange(sector, size)) return {};
  if (!TransferAll(::pwritev, file_.get(), sector * kSectorBytes, chain.readable, sizeof(RequestHeader), size,
                   &pieces_)) {
    return {};
  }
  return {.status = RequestStatus::kOk};
}

DiskFile::Outcome DiskFile::Identify(const virtio::Chain& chain) const {
  if (chain.writable_size - 1 < kIdBytes) return {};
  std::array<std::byte, kIdBytes> id{};
  std::memcpy(id.data(), serial_.data(), serial_.size());
  virtio::CopyToGuest(id, chain.writable);
  return {.status = RequestStatus::kOk, .written = kIdBytes};
}

}  // namespace cc::vmm::block
