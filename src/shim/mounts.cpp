// SPDX-License-Identifier: Apache-2.0
#include "shim/mounts.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "agent_proto/names.h"
#include "base/strings.h"

namespace cc::shim {
namespace {

// Where CreateSandbox puts the shared memory of the pod.
constexpr char kGuestShm[] = "/run/kata-containers/sandbox/shm";
constexpr std::string_view kGuestTypes[] = {"proc",   "sysfs",  "tmpfs",  "devpts",
                                            "mqueue", "cgroup", "cgroup2"};

bool IsBind(const grpc::Mount& mount) {
  if (mount.type() == "bind") return true;
  return std::any_of(mount.options().begin(), mount.options().end(),
                     [](const std::string& option) { return option == "bind" || option == "rbind"; });
}

std::string LastName(const std::string& path) {
  const size_t slash = path.find_last_of('/');
  return slash == std::string::npos ? path : path.substr(slash + 1);
}

}  // namespace

MountAction DecideMount(const grpc::Mount& mount, std::string* reason) {
  if (!IsBind(mount)) {
    for (std::string_view type : kGuestTypes) {
      if (mount.type() == type) return MountAction::kKeep;
    }
    *reason = StrCat("a file system of type '", mount.type(), "' of the host cannot be given to the guest");
    return MountAction::kRefuse;
  }
  if (mount.destination() == "/dev/shm") return MountAction::kSandboxShm;
  struct stat st;
  if (::stat(mount.source().c_str(), &st) != 0) {
    *reason = StrCat("its source cannot be read: ", std::strerror(errno));
    return MountAction::kRefuse;
  }
  if (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)) return MountAction::kCopy;
  *reason =
      "its source is neither a regular file nor a directory, and nothing else of the host reaches the guest";
  return MountAction::kRefuse;
}

absl::Status TranslateMounts(const std::string& container_id, const std::string& copy_tag,
                             google::protobuf::RepeatedPtrField<grpc::Mount>* mounts,
                             std::vector<HostCopy>* copies) {
  for (grpc::Mount& mount : *mounts) {
    std::string reason;
    switch (DecideMount(mount, &reason)) {
      case MountAction::kKeep:
        break;
      case MountAction::kSandboxShm:
        mount.set_source(kGuestShm);
        break;
      case MountAction::kCopy: {
        // The number keeps two sources of the same name apart.
        std::string guest_path = StrCat(agent_proto::kSharedBase, "/", container_id, "-", copy_tag, "-",
                                        copies->size(), "-", LastName(mount.destination()));
        copies->push_back({.host_path = mount.source(), .guest_path = guest_path});
        mount.set_source(std::move(guest_path));
        break;
      }
      case MountAction::kRefuse:
        return absl::InvalidArgumentError(
            StrCat("mount ", mount.source(), " on ", mount.destination(), ": ", reason));
    }
  }
  return absl::OkStatus();
}

}  // namespace cc::shim
