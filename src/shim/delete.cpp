// SPDX-License-Identifier: Apache-2.0
#include "shim/delete.h"

#include <unistd.h>

#include <filesystem>
#include <system_error>

#include "base/file.h"
#include "base/socket.h"
#include "base/status.h"
#include "base/strings.h"
#include "containerd/task.pb.h"
#include "pod_net/pod_network.h"
#include "shim/bootstrap.h"
#include "shim/bundle.h"
#include "shim/process.h"
#include "shim/timestamp.h"

namespace cc::shim {
namespace {

// The record is ours, but a wrong path must never remove anything else.
absl::Status RemoveStateDir(const std::string& path, const Flags& flags) {
  const std::filesystem::path dir(path);
  if (!dir.is_absolute() || dir.filename() != SandboxDirName(flags.namespace_name, flags.id)) {
    return absl::InvalidArgumentError(StrCat("state directory '", path, "' is not that of ", flags.id));
  }
  std::error_code error;
  std::filesystem::remove_all(dir, error);
  return error ? ErrnoStatus(error.value(), StrCat("remove ", path)) : absl::OkStatus();
}

// A member's address file names the socket of its pod, which is not ours to remove; nor is that of a shim
// that lives on for its other containers.
void RemoveOwnSocket(const std::string& bundle, const Flags& flags) {
  absl::StatusOr<std::string> address = ReadFile(bundle + "/address", 4096);
  if (!address.ok()) return;
  constexpr std::string_view kScheme = "unix://";
  std::string_view path = StrTrim(*address);
  if (!path.starts_with(kScheme)) return;
  path.remove_prefix(kScheme.size());
  const std::filesystem::path socket(path);
  const std::filesystem::path own(SocketPath("", flags.address, flags.namespace_name, flags.id));
  if (socket.filename() == own.filename() && !ConnectUnix(socket).ok()) ::unlink(socket.c_str());
}

}  // namespace

absl::StatusOr<std::string> Delete(const Flags& flags) {
  if (flags.id.empty()) return absl::InvalidArgumentError("delete: -id must be given");
  const std::string bundle = flags.bundle.empty() ? "." : flags.bundle;
  containerd::task::v2::DeleteResponse response;
  absl::StatusOr<SandboxRecord> record = SandboxRecord::Load(bundle);
  if (record.ok()) {
    CC_RETURN_IF_ERROR(record->shim.Kill());
    CC_RETURN_IF_ERROR(record->vm.Kill());
    if (!record->network_namespace.empty()) {
      CC_RETURN_IF_ERROR(pod_net::CleanNamespace(record->network_namespace, record->network_identity));
    }
    CC_RETURN_IF_ERROR(RemoveStateDir(record->state_dir, flags));
    response.set_pid(static_cast<uint32_t>(record->vm.pid));
  } else if (record.status().code() != absl::StatusCode::kNotFound) {
    return Annotate(record.status(), StrCat("delete ", flags.id));
  }
  RemoveOwnSocket(bundle, flags);  // also of a shim that died before it had a VM
  response.set_exit_status(kKilledStatus);
  *response.mutable_exited_at() = Now();
  return response.SerializeAsString();
}

}  // namespace cc::shim
