// SPDX-License-Identifier: Apache-2.0
// How initdata travels: compressed in the pod's annotation, and to the guest as a small read-only disk.
// Kata's forms: the annotation io.katacontainers.config.hypervisor.cc_init_data is base64 of gzip of the
// text; the disk is the magic "initdata", the length of what follows as a little-endian u64, the same gzip
// bytes, and zeros up to a whole sector.
#ifndef CC_INITDATA_CARRIER_H_
#define CC_INITDATA_CARRIER_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace cc::initdata {

inline constexpr std::string_view kAnnotation = "io.katacontainers.config.hypervisor.cc_init_data";
inline constexpr std::string_view kDiskMagic = "initdata";

// gzip bytes to text. InvalidArgument when they are no complete gzip or give more than kMaxSize bytes.
absl::StatusOr<std::string> Decompress(std::string_view gzip);
std::string Compress(std::string_view text);

// The disk's contents for gzip bytes.
std::string MakeDisk(std::string_view gzip);

// The text out of a block device or file. NotFound when it carries no initdata, InvalidArgument when what it
// carries is damaged. Reads by offset, so the descriptor's position does not matter.
absl::StatusOr<std::string> ReadDisk(int fd);

}  // namespace cc::initdata

#endif  // CC_INITDATA_CARRIER_H_
