// SPDX-License-Identifier: Apache-2.0
// Executes block requests (virtio 1.2, section 5.2.6) on a file of the host. The request is the guest's:
// type, sector, lengths and pieces are checked, and what is wrong becomes an error status for the driver.
#ifndef CC_VMM_BLOCK_DISK_FILE_H_
#define CC_VMM_BLOCK_DISK_FILE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/unique_fd.h"
#include "vmm/virtio/virtqueue.h"

namespace cc::vmm::block {

inline constexpr uint64_t kSectorBytes = 512;
inline constexpr size_t kIdBytes = 20;
// In one request; more gets an error. Linux asks for 4 MiB at most unless told otherwise.
inline constexpr size_t kMaxTransfer = 16 << 20;

enum class RequestType : uint32_t { kIn = 0, kOut = 1, kFlush = 4, kGetId = 8, kDiscard = 11 };
enum class RequestStatus : uint8_t { kOk = 0, kIoError = 1, kUnsupported = 2 };

// struct virtio_blk_req's fixed beginning.
struct RequestHeader {
  uint32_t type = 0;
  uint32_t reserved = 0;
  uint64_t sector = 0;
};
static_assert(sizeof(RequestHeader) == 16);

// One thread at a time.
class DiskFile {
 public:
  // InvalidArgument: neither file nor block device, a size that is no positive multiple of 512 bytes, a
  // descriptor that cannot be written although the disk is to be, a serial that is too long.
  static absl::StatusOr<DiskFile> Create(UniqueFd file, bool read_only, std::string serial);

  uint64_t sectors() const { return sectors_; }
  bool read_only() const { return read_only_; }

  // Executes the request in `chain`, with its status in the last writable byte. Blocks for the file. Returns
  // how many bytes from the start of the writable part were written, 0 when there is no place for a status.
  uint32_t Serve(const virtio::Chain& chain);

 private:
  struct Outcome {
    RequestStatus status = RequestStatus::kIoError;
    size_t written = 0;  // data bytes in the guest's memory
  };
  DiskFile(UniqueFd file, uint64_t sectors, bool read_only, std::string serial)
      : file_(std::move(file)), sectors_(sectors), read_only_(read_only), serial_(std::move(serial)) {}
  Outcome Execute(const virtio::Chain& chain);
  Outcome Read(uint64_t sector, const virtio::Chain& chain);
  Outcome Write(uint64_t sector, const virtio::Chain& chain);
  Outcome Identify(const virtio::Chain& chain) const;
  bool InRange(uint64_t sector, size_t size) const;

  UniqueFd file_;
  uint64_t sectors_;
  bool read_only_;
  std::string serial_;
  std::vector<iovec> pieces_;
};

}  // namespace cc::vmm::block

#endif  // CC_VMM_BLOCK_DISK_FILE_H_
