// SPDX-License-Identifier: Apache-2.0
#include "vmm/qemu/devices.h"

#include "base/strings.h"
#include "vmm/device_check.h"

namespace cc::vmm::qemu {

std::vector<std::string> NicOptions(const Nic& nic, size_t number, int tap_fd) {
  // Without vhost-net: the queues stay in the confined process, and the kernel sees no bytes of the guest's
  // choosing but frames.
  std::string device = StrCat("virtio-net-device,netdev=net", number, ",mac=", FormatMac(nic.mac));
  if (nic.mtu != 0) StrAppend(&device, ",host_mtu=", nic.mtu);
  return {"-netdev", StrCat("tap,id=net", number, ",fd=", tap_fd, ",vhost=off"), "-device", device};
}

std::vector<std::string> DiskOptions(const Disk& disk, size_t number, int file_fd) {
  const std::string read_only = StrCat(",read-only=", disk.read_only ? "on" : "off", ",auto-read-only=off");
  return {
      "-add-fd",   StrCat("fd=", file_fd, ",set=", number),
      "-blockdev", StrCat("driver=file,node-name=file", number, ",filename=/dev/fdset/", number, read_only),
      "-blockdev", StrCat("driver=raw,node-name=disk", number, ",file=file", number, read_only),
      "-device",   StrCat("virtio-blk-device,drive=disk", number, ",serial=", disk.serial)};
}

}  // namespace cc::vmm::qemu
