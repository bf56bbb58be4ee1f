// SPDX-License-Identifier: Apache-2.0
#include "vmm/kvm/control/launch.h"

#include <string>

#include "base/status.h"
#include "base/strings.h"

namespace cc::vmm::kvm {
namespace {

using nlohmann::json;

constexpr int kMaxFd = 1023;

int CheckedFd(const json& value) {
  const int fd = value.get<int>();
  if (fd < kFirstFreeFd || fd > kMaxFd) throw std::out_of_range(StrCat("descriptor ", fd));
  return fd;
}

Launch Parse(const json& in) {
  Launch launch;
  VmSpec& spec = launch.spec;
  in.at("id").get_to(spec.id);
  in.at("arch").get_to(spec.arch);
  in.at("vcpus").get_to(spec.vcpus);
  in.at("memory_mib").get_to(spec.memory_mib);
  in.at("kernel").get_to(spec.kernel);
  in.at("initramfs").get_to(spec.initramfs);
  in.at("cmdline").get_to(spec.cmdline);
  spec.tee = in.at("realm").is_null() ? Tee::kNone : Tee::kCca;
  if (spec.tee == Tee::kCca) {
    const json& realm = in.at("realm");
    spec.realm.hash = realm.at("sha512").get<bool>() ? RealmSpec::Hash::kSha512 : RealmSpec::Hash::kSha256;
    realm.at("rpv").get_to(spec.realm.rpv);
  }
  for (const json& nic : in.at("nics")) {
    Nic& added = spec.nics.emplace_back();
    added.tap_fd = CheckedFd(nic.at("fd"));
    nic.at("mac").get_to(added.mac);
    nic.at("mtu").get_to(added.mtu);
  }
  for (const json& disk : in.at("disks")) {
    Disk& added = spec.disks.emplace_back();
    disk.at("path").get_to(added.path);
    disk.at("read_only").get_to(added.read_only);
    disk.at("serial").get_to(added.serial);
    launch.disk_fds.push_back(CheckedFd(disk.at("fd")));
  }
  launch.kernel_fd = CheckedFd(in.at("kernel_fd"));
  launch.initramfs_fd = CheckedFd(in.at("initramfs_fd"));
  in.at("pod_network").get_to(launch.pod_network);
  return launch;
}

}  // namespace

json LaunchToJson(const Launch& launch) {
  const VmSpec& spec = launch.spec;
  json out = {{"id", spec.id},
              {"arch", spec.arch},
              {"vcpus", spec.vcpus},
              {"memory_mib", spec.memory_mib},
              {"kernel", spec.kernel},
              {"initramfs", spec.initramfs},
              {"cmdline", spec.cmdline},
              {"realm", nullptr},
              {"nics", json::array()},
              {"disks", json::array()},
              {"kernel_fd", launch.kernel_fd},
              {"initramfs_fd", launch.initramfs_fd},
              {"pod_network", launch.pod_network}};
  if (spec.tee == Tee::kCca) {
    out["realm"] = {{"sha512", spec.realm.hash == RealmSpec::Hash::kSha512}, {"rpv", spec.realm.rpv}};
  }
  for (const Nic& nic : spec.nics)
    out["nics"].push_back({{"fd", nic.tap_fd}, {"mac", nic.mac}, {"mtu", nic.mtu}});
  for (size_t i = 0; i < spec.disks.size(); ++i) {
    const Disk& disk = spec.disks[i];
    out["disks"].push_back({{"path", disk.path},
                            {"read_only", disk.read_only},
                            {"serial", disk.serial},
                            {"fd", launch.disk_fds.at(i)}});
  }
  return out;
}

absl::StatusOr<Launch> LaunchFromJson(const json& in) {
  try {
    return Parse(in);
  } catch (const std::exception& e) {
    return absl::InvalidArgumentError(StrCat("the description of the VM is not usable: ", e.what()));
  }
}

}  // namespace cc::vmm::kvm
