// SPDX-License-Identifier: Apache-2.0
#include "shim/mounts.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "agent_proto/names.h"
#include "base/status.h"
#include "base/strings.h"
#include "shim/empty_dir.h"
#include "shim/kubelet_paths.h"

namespace cc::shim {
namespace {

// Where CreateSandbox puts the shared memory of the pod.
constexpr char kGuestShm[] = "/run/kata-containers/sandbox/shm";
constexpr char kDefaultTerminationPath[] = "/dev/termination-log";
constexpr std::array<std::string_view, 7> kGuestTypes = {"proc",   "sysfs",  "tmpfs",  "devpts",
                                                         "mqueue", "cgroup", "cgroup2"};
// Files that kubelet, containerd or the node's administrator write to while containers run.
constexpr std::array<std::string_view, 3> kLiveFiles = {"/etc/hosts", "/etc/hostname", "/etc/resolv.conf"};
constexpr std::array<std::string_view, 4> kSharedPropagation = {"shared", "rshared", "slave", "rslave"};
constexpr std::array<std::string_view, 2> kIdMapping = {"idmap", "ridmap"};

bool IsAmong(const auto& list, std::string_view text) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

bool IsBind(const grpc::Mount& mount) {
  return mount.type() == "bind" || IsAmong(mount.options(), "bind") || IsAmong(mount.options(), "rbind");
}

std::string LastName(const std::string& path) { return path.substr(path.find_last_of('/') + 1); }

absl::Status CheckPath(const std::string& path, std::string_view what) {
  const std::vector<std::string_view> parts = StrSplit(path, '/');
  if (!path.starts_with('/') || IsAmong(parts, "..") || path.find('\0') != std::string::npos) {
    return absl::InvalidArgumentError(StrCat("its ", what, " must be an absolute path without '..'"));
  }
  return absl::OkStatus();
}

absl::Status CheckOptions(const grpc::Mount& mount) {
  for (const std::string& option : mount.options()) {
    if (IsAmong(kSharedPropagation, option)) {
      return absl::InvalidArgumentError(
          StrCat("option '", option,
                 "': mounts made on the host later cannot reach the guest, nor the other way "
                 "round; use mountPropagation None (rprivate)"));
    }
    if (IsAmong(kIdMapping, option)) {
      return absl::InvalidArgumentError(
          StrCat("option '", option, "': mounts cannot be id-mapped in the guest"));
    }
  }
  return absl::OkStatus();
}

class Translator {
 public:
  explicit Translator(const MountInput& input) : input_(input) {}

  absl::Status Translate(grpc::Mount& mount) {
    CC_RETURN_IF_ERROR(CheckPath(mount.destination(), "destination"));
    if (!IsBind(mount)) {
      if (IsAmong(kGuestTypes, mount.type())) return absl::OkStatus();
      return absl::InvalidArgumentError(
          StrCat("a file system of type '", mount.type(), "' of the host cannot be given to the guest"));
    }
    if (mount.destination() == "/dev/shm") {
      mount.set_source(kGuestShm);
      return absl::OkStatus();
    }
    CC_RETURN_IF_ERROR(CheckPath(mount.source(), "source"));
    CC_RETURN_IF_ERROR(CheckOptions(mount));
    CC_RETURN_IF_ERROR(ReadMounts());
    CC_ASSIGN_OR_RETURN(const std::optional<EmptyDir> empty_dir, EmptyDirOf(mount.source(), host_mounts_));
    if (!empty_dir.has_value()) return TranslateCopy(mount);
    CC_ASSIGN_OR_RETURN(*mount.mutable_source(), PlaceEmptyDir(*empty_dir, &result_.storages));
    return absl::OkStatus();
  }

  GuestMounts TakeResult() { return std::move(result_); }

 private:
  absl::Status ReadMounts() {
    if (!host_mounts_.empty()) return absl::OkStatus();
    CC_ASSIGN_OR_RETURN(host_mounts_, ReadMountinfo());
    return absl::OkStatus();
  }

  absl::Status TranslateCopy(grpc::Mount& mount) {
    struct stat st {};
    if (::stat(mount.source().c_str(), &st) != 0) {
      return absl::InvalidArgumentError(StrCat("its source cannot be read: ", std::strerror(errno)));
    }
    if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) {
      return absl::InvalidArgumentError(
          "its source is neither a regular file nor a directory (a device, socket or FIFO of the host), and "
          "nothing "
          "else of the host reaches the guest; leave this mount out");
    }
    if (IsTermination(mount, st)) {
      result_.termination_log = TerminationLog{.host_path = mount.source(),
                                               .destination = mount.destination(),
                                               .device = st.st_dev,
                                               .inode = st.st_ino};
    }
    // The number keeps two sources of the same name apart.
    std::string guest_path =
        StrCat(agent_proto::kSharedBase, "/", input_.container_id, "-", input_.copy_tag, "-",
               result_.copies.size(), "-", LastName(mount.destination()).substr(0, 64));
    result_.copies.push_back({.host_path = mount.source(),
                              .guest_path = guest_path,
                              .destination = mount.destination(),
                              .keep_current = KeepsCurrent(mount, st)});
    mount.set_source(std::move(guest_path));
    return absl::OkStatus();
  }

  bool IsTermination(const grpc::Mount& mount, const struct stat& st) const {
    if (!S_ISREG(st.st_mode)) return false;
    if (!input_.termination_path.empty()) return mount.destination() == input_.termination_path;
    return mount.destination() == kDefaultTerminationPath || IsTerminationLog(mount.source());
  }

  // Kubernetes updates its volumes by swapping a link (host_tree.h), so only those are worth watching.
  static bool KeepsCurrent(const grpc::Mount& mount, const struct stat& st) {
    if (IsSubPath(mount.source())) return false;
    return S_ISREG(st.st_mode) ? IsAmong(kLiveFiles, mount.destination()) : true;
  }

  const MountInput& input_;
  std::vector<MountEntry> host_mounts_;
  GuestMounts result_;
};

}  // namespace

absl::StatusOr<GuestMounts> TranslateMounts(const MountInput& input,
                                            google::protobuf::RepeatedPtrField<grpc::Mount>* mounts) {
  Translator translator(input);
  for (grpc::Mount& mount : *mounts) {
    const std::string name = StrCat("mount ", mount.source(), " on ", mount.destination());
    CC_RETURN_IF_ERROR(Annotate(translator.Translate(mount), name));
  }
  return translator.TakeResult();
}

}  // namespace cc::shim
