// SPDX-License-Identifier: Apache-2.0
#include "vmm/device_check.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <string_view>

#include "base/file.h"
#include "base/status.h"
#include "base/strings.h"

namespace cc::vmm {
namespace {

constexpr uint32_t kMinMtu = 68;  // IPv4's (RFC 791); virtio-net refuses less
constexpr uint32_t kMaxMtu = 65535;
constexpr size_t kMaxSerial = 20;  // VIRTIO_BLK_ID_BYTES
constexpr uint64_t kSector = 512;

absl::StatusOr<uint64_t> FileSize(int fd) {
  struct stat st {};
  if (::fstat(fd, &st) != 0) return ErrnoStatus(errno, "look at it");
  if (S_ISREG(st.st_mode)) return static_cast<uint64_t>(st.st_size);
  uint64_t size = 0;
  // SAFETY: BLKGETSIZE64 writes 64 bits.
  if (S_ISBLK(st.st_mode) && ::ioctl(fd, BLKGETSIZE64, &size) == 0) return size;
  return absl::InvalidArgumentError("it is neither a regular file nor a block device");
}

absl::Status CheckNic(const Nic& nic) {
  if (nic.mtu != 0 && (nic.mtu < kMinMtu || nic.mtu > kMaxMtu)) {
    return absl::InvalidArgumentError(
        StrCat("MTU ", nic.mtu, "; ", kMinMtu, " to ", kMaxMtu, " are possible, or 0 to say none"));
  }
  constexpr uint8_t kMulticastBit = 1;
  if ((nic.mac[0] & kMulticastBit) != 0 || nic.mac == std::array<uint8_t, 6>{}) {
    return absl::InvalidArgumentError(StrCat(FormatMac(nic.mac), " is no unicast hardware address"));
  }
  return CheckTap(nic.tap_fd);
}

absl::Status CheckDisk(const Disk& disk) {
  const bool printable = std::all_of(disk.serial.begin(), disk.serial.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  });
  if (disk.serial.empty() || disk.serial.size() > kMaxSerial || !printable) {
    return absl::InvalidArgumentError(
        StrCat("serial '", disk.serial, "' must be 1 to ", kMaxSerial, " letters, digits, '-', '_', '.'"));
  }
  CC_ASSIGN_OR_RETURN(const UniqueFd file, OpenDisk(disk));
  return DiskSize(file.get()).status();
}

}  // namespace

std::string FormatMac(const std::array<uint8_t, 6>& mac) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  for (uint8_t byte : mac) {
    if (!out.empty()) out.push_back(':');
    out.push_back(kHex[byte >> 4]);
    out.push_back(kHex[byte & 15]);
  }
  return out;
}

absl::Status CheckTap(int fd) {
  ifreq request{};
  // SAFETY: TUNGETIFF writes an ifreq; it fails for any descriptor that is no tap.
  if (::ioctl(fd, TUNGETIFF, &request) != 0) {
    return absl::InvalidArgumentError(StrCat("descriptor ", fd, " is no tap device"));
  }
  const int flags = static_cast<uint16_t>(request.ifr_flags);
  if ((flags & IFF_TAP) == 0 || (flags & IFF_NO_PI) == 0 || (flags & IFF_VNET_HDR) == 0) {
    return absl::InvalidArgumentError("the tap must be opened with IFF_TAP | IFF_NO_PI | IFF_VNET_HDR");
  }
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> DiskSize(int fd) {
  CC_ASSIGN_OR_RETURN(const uint64_t size, FileSize(fd));
  if (size == 0 || size % kSector != 0) {
    return absl::InvalidArgumentError(
        StrCat("its size of ", size, " bytes must be a positive multiple of ", kSector));
  }
  return size;
}

absl::StatusOr<UniqueFd> OpenDisk(const Disk& disk) {
  return OpenFile(disk.path, disk.read_only ? O_RDONLY : O_RDWR);
}

absl::Status CheckDevices(const VmSpec& spec, size_t most) {
  if (spec.nics.size() + spec.disks.size() > most) {
    return absl::InvalidArgumentError(StrCat(spec.nics.size(), " network interfaces and ", spec.disks.size(),
                                             " disks; at most ", most, " devices are possible"));
  }
  std::set<std::array<uint8_t, 6>> macs;
  for (size_t i = 0; i < spec.nics.size(); ++i) {
    CC_RETURN_IF_ERROR(Annotate(CheckNic(spec.nics[i]), StrCat("network interface ", i)));
    if (!macs.insert(spec.nics[i].mac).second) {
      return absl::InvalidArgumentError(StrCat("network interface ", i, ": hardware address ",
                                               FormatMac(spec.nics[i].mac), " is used twice"));
    }
  }
  std::set<std::string_view> serials;
  for (const Disk& disk : spec.disks) {
    CC_RETURN_IF_ERROR(Annotate(CheckDisk(disk), StrCat("disk ", disk.path)));
    if (!serials.insert(disk.serial).second) {
      return absl::InvalidArgumentError(
          StrCat("disk ", disk.path, ": serial '", disk.serial, "' is used twice"));
    }
  }
  return absl::OkStatus();
}

}  // namespace cc::vmm
