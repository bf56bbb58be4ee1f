// SPDX-License-Identifier: Apache-2.0
#include "vmm/kvm/machine/arm64_image.h"

#include <isa-l/igzip_lib.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "base/status.h"
#include "base/strings.h"

namespace cc::vmm::kvm {
namespace {

constexpr size_t kHeaderSize = 64;
constexpr size_t kTextOffsetAt = 8, kImageSizeAt = 16, kFlagsAt = 24, kMagicAt = 56;
constexpr std::string_view kMagic("ARM\x64", 4);
constexpr std::string_view kGzipMagic("\x1f\x8b", 2);
constexpr size_t kEfiZbootMagicAt = 4;
constexpr std::string_view kEfiZbootMagic("zimg", 4);
constexpr uint64_t kBigEndian = 1;
constexpr uint64_t kPlacement = uint64_t{2} << 20;

uint64_t Read64(std::string_view bytes, size_t at) {
  uint64_t value;
  std::memcpy(&value, bytes.data() + at, sizeof(value));
  return value;
}

absl::StatusOr<GuestFile> Inflate(const GuestFile& file) {
  inflate_state state;
  isal_inflate_init(&state);
  state.crc_flag = ISAL_GZIP;
  // SAFETY: isa-l reads from next_in only; its interface lacks the const.
  state.next_in = reinterpret_cast<uint8_t*>(const_cast<char*>(file.bytes.data()));
  state.avail_in = static_cast<uint32_t>(std::min<size_t>(file.bytes.size(), UINT32_MAX));
  std::string out;
  while (state.block_state != ISAL_BLOCK_FINISH) {
    const size_t filled = out.size();
    out.resize(std::min(filled + std::max(filled, size_t{8} << 20), kMaxImage + 1));
    state.next_out = reinterpret_cast<uint8_t*>(out.data() + filled);
    state.avail_out = static_cast<uint32_t>(out.size() - filled);
    const int result = isal_inflate(&state);
    const size_t produced = out.size() - filled - state.avail_out;
    out.resize(filled + produced);
    if (out.size() > kMaxImage) {
      return absl::InvalidArgumentError(StrCat(file.name, " inflates to more than ", kMaxImage, " bytes"));
    }
    if (result != ISAL_DECOMP_OK || (produced == 0 && state.block_state != ISAL_BLOCK_FINISH)) {
      return absl::InvalidArgumentError(StrCat(file.name, " is a damaged or truncated gzip file"));
    }
  }
  return OwnedGuestFile(file.name, std::move(out));
}

}  // namespace

absl::StatusOr<Arm64Image> ParseArm64Image(GuestFile file) {
  if (file.bytes.substr(0, kGzipMagic.size()) == kGzipMagic) {
    CC_ASSIGN_OR_RETURN(file, Inflate(file));
  }
  const std::string_view bytes = file.bytes;
  const auto refuse = [&](std::string_view why) {
    return absl::InvalidArgumentError(StrCat(file.name, " is not usable as the guest's kernel: ", why));
  };
  if (bytes.size() < kHeaderSize || bytes.substr(kMagicAt, kMagic.size()) != kMagic) {
    if (bytes.size() >= kHeaderSize &&
        bytes.substr(kEfiZbootMagicAt, kEfiZbootMagic.size()) == kEfiZbootMagic) {
      return refuse("it is an EFI zboot file; take the kernel's plain arch/arm64/boot/Image or Image.gz");
    }
    return refuse("it is no arm64 Image (a 64-byte header with the magic \"ARM\\x64\"), nor one in gzip");
  }
  if (bytes.size() > kMaxImage) return refuse(StrCat("it is longer than ", kMaxImage, " bytes"));

  Arm64Image image;
  image.text_offset = Read64(bytes, kTextOffsetAt);
  image.image_size = Read64(bytes, kImageSizeAt);
  const uint64_t flags = Read64(bytes, kFlagsAt);
  if ((flags & kBigEndian) != 0) return refuse("it is big-endian");
  if (image.text_offset >= kPlacement) return refuse("its text offset is 2 MiB or more");
  if (image.image_size == 0) return refuse("its header has no size (a kernel before Linux 3.17)");
  if (image.image_size < bytes.size() || image.image_size > 4 * kMaxImage) {
    return refuse(StrCat("its header says ", image.image_size, " bytes, the file has ", bytes.size()));
  }
  constexpr uint32_t kPageSizes[] = {0, 4096, 16384, 65536};
  image.page_size = kPageSizes[flags >> 1 & 3];
  image.file = std::move(file);
  return image;
}

}  // namespace cc::vmm::kvm
