// SPDX-License-Identifier: Apache-2.0
#include "agent/oci/spec_policy.h"

#include <algorithm>
#include <array>

#include "base/status.h"
#include "base/strings.h"

namespace cc::agent {
namespace {

bool StartsWith(std::string_view text, std::string_view prefix) {
  return text.substr(0, prefix.size()) == prefix;
}

absl::Status CheckHooks(const grpc::Hooks& hooks) {
  if (hooks.prestart_size() + hooks.poststart_size() + hooks.poststop_size() + hooks.createruntime_size() +
          hooks.createcontainer_size() + hooks.startcontainer_size() >
      0) {
    return absl::PermissionDeniedError("hooks from the host are not run in the guest");
  }
  return absl::OkStatus();
}

// Network, IPC and UTS are the guest's own, shared by all containers of the pod; mount, PID and cgroup are
// always the container's. A user namespace is kept when asked for, but the image's files belong to the
// guest's users: where root is another one, it could not use them.
absl::Status SetNamespaces(const SpecContext& context, grpc::Linux* in) {
  static constexpr std::array<std::string_view, 8> kKnown = {"network", "ipc",    "uts",  "mount",
                                                             "pid",     "cgroup", "user", "time"};
  bool user = false;
  for (const grpc::LinuxNamespace& ns : in->namespaces()) {
    if (std::find(kKnown.begin(), kKnown.end(), ns.type()) == kKnown.end()) {
      return absl::InvalidArgumentError(StrCat("unknown namespace type '", ns.type(), "'"));
    }
    user = user || ns.type() == "user";
  }
  for (const grpc::LinuxIDMapping& mapping : in->uidmappings()) {
    if (user && mapping.containerid() == 0 && mapping.hostid() != 0) {
      return absl::InvalidArgumentError(
          "a user namespace in which root is another user is not offered: the container's files belong to "
          "root of the guest, which is the boundary to the host anyway; leave the mapping out");
    }
  }
  in->clear_namespaces();
  in->add_namespaces()->set_type("mount");
  in->add_namespaces()->set_type("cgroup");
  if (user) in->add_namespaces()->set_type("user");
  grpc::LinuxNamespace* pid = in->add_namespaces();
  pid->set_type("pid");
  pid->set_path(context.shared_pidns);
  return absl::OkStatus();
}

struct DeviceNumber {
  int64_t major;
  int64_t minor;
};
// null, zero, full, random, urandom, tty, ptmx, fuse, net/tun: harmless to the guest. Not the console, not
// /dev/mem, not a disk.
constexpr std::array<DeviceNumber, 9> kDevices = {
    {{1, 3}, {1, 5}, {1, 7}, {1, 8}, {1, 9}, {5, 0}, {5, 2}, {10, 229}, {10, 200}}};

absl::Status CheckDevices(const grpc::Linux& in) {
  for (const grpc::LinuxDevice& device : in.devices()) {
    if (device.type() == "p") continue;
    const bool known = std::any_of(kDevices.begin(), kDevices.end(), [&](const DeviceNumber& number) {
      return number.major == device.major() && number.minor == device.minor();
    });
    if ((device.type() != "c" && device.type() != "u") || !known) {
      return absl::PermissionDeniedError(StrCat("device ", device.path(), " (", device.type(), " ",
                                                device.major(), ":", device.minor(),
                                                ") is not available in the guest"));
    }
  }
  return absl::OkStatus();
}

// The host's device rules speak of the host's devices; the guest allows crun's default set and what
// CheckDevices let pass.
void SetDeviceRules(grpc::Linux* in) {
  auto* rules = in->mutable_resources()->mutable_devices();
  rules->Clear();
  grpc::LinuxDeviceCgroup* deny = rules->Add();
  deny->set_allow(false);
  deny->set_access("rwm");
  for (const grpc::LinuxDevice& device : in->devices()) {
    if (device.type() == "p") continue;
    grpc::LinuxDeviceCgroup* allow = rules->Add();
    allow->set_allow(true);
    allow->set_type("c");
    allow->set_major(device.major());
    allow->set_minor(device.minor());
    allow->set_access("rwm");
  }
}

absl::Status TakeSysctls(grpc::Linux* in, ConfinedSpec* out) {
  static constexpr std::array<std::string_view, 5> kPrefixes = {"net.", "kernel.shm", "kernel.msg",
                                                                "kernel.sem", "fs.mqueue."};
  for (const auto& [key, value] : in->sysctl()) {
    const bool allowed =
        std::any_of(kPrefixes.begin(), kPrefixes.end(),
                    [&key = key](std::string_view prefix) { return StartsWith(key, prefix); });
    const bool clean = std::all_of(key.begin(), key.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
    });
    if (!allowed || !clean || key.find("..") != std::string::npos) {
      return absl::PermissionDeniedError(StrCat("sysctl ", key, " does not belong to a pod"));
    }
    out->sysctls[key] = value;
  }
  in->clear_sysctl();
  return absl::OkStatus();
}

bool IsBind(const grpc::Mount& mount) {
  return mount.type() == "bind" ||
         std::any_of(mount.options().begin(), mount.options().end(),
                     [](const std::string& option) { return option == "bind" || option == "rbind"; });
}

absl::Status CheckMounts(const SpecContext& context, const grpc::Spec& spec, ConfinedSpec* out) {
  static constexpr std::array<std::string_view, 7> kTypes = {"proc",   "sysfs",  "tmpfs",  "devpts",
                                                             "mqueue", "cgroup", "cgroup2"};
  for (int i = 0; i < spec.mounts_size(); ++i) {
    const grpc::Mount& mount = spec.mounts(i);
    if (!StartsWith(mount.destination(), "/")) {
      return absl::InvalidArgumentError(
          StrCat("mount destination '", mount.destination(), "' is not absolute"));
    }
    if (IsBind(mount)) {
      if (!IsVolumePath(mount.source(), context.base)) {
        return absl::PermissionDeniedError(StrCat("mount of ", mount.source(), " on ", mount.destination(),
                                                  ": only volumes beneath ", context.base, "/sandbox and ",
                                                  context.base, "/shared can be mounted"));
      }
      out->binds.push_back(i);
    } else if (std::find(kTypes.begin(), kTypes.end(), mount.type()) == kTypes.end()) {
      return absl::PermissionDeniedError(
          StrCat("mount on ", mount.destination(), ": file system type '", mount.type(), "' is not allowed"));
    }
  }
  return absl::OkStatus();
}

absl::Status SetRoot(const SpecContext& context, grpc::Spec* spec) {
  if (!context.rootfs.empty()) {
    spec->mutable_root()->set_path(context.rootfs);
    return absl::OkStatus();
  }
  if (!IsVolumePath(spec->root().path(), context.base)) {
    return absl::InvalidArgumentError(StrCat("the container has no image to pull and its root '",
                                             spec->root().path(), "' is no volume beneath ", context.base));
  }
  return absl::OkStatus();
}

}  // namespace

bool IsCleanPathBeneath(std::string_view path, std::string_view directory) {
  if (!StartsWith(path, directory) || path.size() <= directory.size() || path[directory.size()] != '/')
    return false;
  if (path.find('\0') != std::string_view::npos) return false;
  const std::vector<std::string_view> components = StrSplit(path.substr(directory.size() + 1), '/');
  return std::none_of(components.begin(), components.end(), [](std::string_view component) {
    return component.empty() || component == "." || component == "..";
  });
}

bool IsVolumePath(std::string_view path, std::string_view base) {
  return IsCleanPathBeneath(path, StrCat(base, "/sandbox")) ||
         IsCleanPathBeneath(path, StrCat(base, "/shared"));
}

absl::StatusOr<ConfinedSpec> ConfineSpec(const SpecContext& context, grpc::Spec* spec) {
  ConfinedSpec out;
  if (!spec->has_process()) return absl::InvalidArgumentError("the specification has no process");
  CC_RETURN_IF_ERROR(CheckHooks(spec->hooks()));
  grpc::Linux* in = spec->mutable_linux();
  CC_RETURN_IF_ERROR(SetNamespaces(context, in));
  CC_RETURN_IF_ERROR(CheckDevices(*in));
  SetDeviceRules(in);
  CC_RETURN_IF_ERROR(TakeSysctls(in, &out));
  CC_RETURN_IF_ERROR(CheckMounts(context, *spec, &out));
  CC_RETURN_IF_ERROR(SetRoot(context, spec));
  in->set_cgroupspath(StrCat("/kata-cc/", context.container_id));
  // crun refuses a host name without a UTS namespace of the container's own.
  spec->clear_hostname();
  return out;
}

}  // namespace cc::agent
