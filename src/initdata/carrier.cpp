// SPDX-License-Identifier: Apache-2.0
#include "initdata/carrier.h"

#include <unistd.h>
#include <zlib.h>

#include <cerrno>
#include <cstdint>

#include "base/status.h"
#include "base/strings.h"
#include "initdata/initdata.h"

namespace cc::initdata {
namespace {

constexpr int kGzipOnly = 16 + MAX_WBITS;
constexpr size_t kHeader = 16;
constexpr size_t kSector = 512;

std::string LittleEndian(uint64_t value) {
  std::string bytes(8, '\0');
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(value >> (8 * i));
  return bytes;
}

uint64_t ReadLittleEndian(std::string_view bytes) {
  uint64_t value = 0;
  for (size_t i = 0; i < 8; ++i) value |= uint64_t{static_cast<uint8_t>(bytes[i])} << (8 * i);
  return value;
}

// Up to `size` bytes from `offset`; fewer at the end of the disk.
absl::StatusOr<std::string> ReadAt(int fd, size_t size, off_t offset) {
  std::string bytes(size, '\0');
  size_t have = 0;
  while (have < size) {
    const ssize_t n = ::pread(fd, bytes.data() + have, size - have, offset + static_cast<off_t>(have));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus(errno, "read the initdata disk");
    if (n == 0) break;
    have += static_cast<size_t>(n);
  }
  bytes.resize(have);
  return bytes;
}

}  // namespace

absl::StatusOr<std::string> Decompress(std::string_view gzip) {
  z_stream stream = {};
  if (::inflateInit2(&stream, kGzipOnly) != Z_OK) return absl::ResourceExhaustedError("initdata: no memory");
  std::string text(kMaxSize + 1, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(gzip.data()));
  stream.avail_in = static_cast<uInt>(gzip.size());
  stream.next_out = reinterpret_cast<Bytef*>(text.data());
  stream.avail_out = static_cast<uInt>(text.size());
  const int code = gzip.size() > kMaxSize ? Z_BUF_ERROR : ::inflate(&stream, Z_FINISH);
  const size_t size = text.size() - stream.avail_out;
  const bool rest = stream.avail_in > 0;
  ::inflateEnd(&stream);
  if (size > kMaxSize || gzip.size() > kMaxSize) {
    return absl::InvalidArgumentError("initdata: longer than 1 MiB");
  }
  if (code != Z_STREAM_END || rest)
    return absl::InvalidArgumentError("initdata: not one complete gzip member");
  text.resize(size);
  return text;
}

std::string Compress(std::string_view text) {
  z_stream stream = {};
  ::deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, kGzipOnly, 8, Z_DEFAULT_STRATEGY);
  std::string gzip(::deflateBound(&stream, static_cast<uLong>(text.size())), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(gzip.data());
  stream.avail_out = static_cast<uInt>(gzip.size());
  ::deflate(&stream, Z_FINISH);
  gzip.resize(gzip.size() - stream.avail_out);
  ::deflateEnd(&stream);
  return gzip;
}

std::string MakeDisk(std::string_view gzip) {
  std::string disk = StrCat(kDiskMagic, LittleEndian(gzip.size()), gzip);
  disk.resize((disk.size() + kSector - 1) / kSector * kSector);
  return disk;
}

absl::StatusOr<std::string> ReadDisk(int fd) {
  CC_ASSIGN_OR_RETURN(const std::string header, ReadAt(fd, kHeader, 0));
  if (header.size() < kHeader || std::string_view(header).substr(0, kDiskMagic.size()) != kDiskMagic) {
    return absl::NotFoundError("the disk carries no initdata");
  }
  const uint64_t size = ReadLittleEndian(std::string_view(header).substr(kDiskMagic.size()));
  if (size > kMaxSize) return absl::InvalidArgumentError("initdata: longer than 1 MiB");
  CC_ASSIGN_OR_RETURN(const std::string gzip, ReadAt(fd, size, kHeader));
  if (gzip.size() != size) return absl::InvalidArgumentError("initdata: the disk ends within it");
  return Decompress(gzip);
}

}  // namespace cc::initdata
