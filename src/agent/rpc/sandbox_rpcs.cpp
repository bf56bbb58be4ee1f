// SPDX-License-Identifier: Apache-2.0
// The life of the sandbox, its volumes and files.
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "agent/rpc/services.h"
#include "agent/run/release.h"
#include "base/file.h"
#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "kata/agent.pb.h"

namespace cc::agent {
namespace {

using ttrpc::CallContext;

constexpr size_t kMaxHostname = 64;
constexpr size_t kMaxDns = 64 * 1024;

absl::Status CheckSandbox(Sandbox& sandbox, const grpc::CreateSandboxRequest& in) {
  if (in.hostname().size() > kMaxHostname)
    return absl::InvalidArgumentError("host name longer than 64 characters");
  if (in.kernel_modules_size() > 0) {
    return absl::PermissionDeniedError(
        "kernel modules are named in the measured guest image, not by the host");
  }
  // Upstream runs the hooks of a guest path. Without that path there is nothing to run; with it, silence
  // would be a lie.
  struct stat st {};
  if (!in.guest_hook_path().empty() && ::stat(in.guest_hook_path().c_str(), &st) == 0) {
    return absl::UnimplementedError(StrCat("guest hooks in ", in.guest_hook_path(), " are not supported"));
  }
  for (const grpc::Storage& storage : in.storages()) CC_RETURN_IF_ERROR(sandbox.volumes().Check(storage));
  return absl::OkStatus();
}

absl::Status SetDns(const grpc::CreateSandboxRequest& in) {
  if (in.dns().empty()) return absl::OkStatus();
  const std::string text = StrCat(StrJoin(in.dns(), "\n"), "\n");
  if (text.size() > kMaxDns) return absl::InvalidArgumentError("DNS configuration longer than 64 KiB");
  return WriteFileAtomic("/etc/resolv.conf", text);
}

absl::Status CreateSandbox(Sandbox& sandbox, const grpc::CreateSandboxRequest& in) {
  CC_RETURN_IF_ERROR(CheckSandbox(sandbox, in));
  CC_RETURN_IF_ERROR(sandbox.MarkCreated(in.sandbox_pidns()));
  if (sandbox.config().init) {
    if (!in.hostname().empty() && ::sethostname(in.hostname().data(), in.hostname().size()) != 0) {
      return ErrnoStatus(errno, "set host name");
    }
    CC_RETURN_IF_ERROR(SetDns(in));
  }
  for (const grpc::Storage& storage : in.storages()) CC_RETURN_IF_ERROR(sandbox.volumes().Add(storage));
  log::Info("sandbox created", {{"sandbox", in.sandbox_id()}, {"hostname", in.hostname()}});
  return absl::OkStatus();
}

}  // namespace

void RegisterSandbox(ttrpc::Server* server, Sandbox* sandbox) {
  HandleEmpty<grpc::CreateSandboxRequest>(
      server, "CreateSandbox",
      [sandbox](const CallContext&, const auto& in) { return CreateSandbox(*sandbox, in); });
  HandleEmpty<grpc::DestroySandboxRequest>(server, "DestroySandbox",
                                           [sandbox](const CallContext& call, const auto&) {
                                             RemoveAll(*sandbox, call);
                                             sandbox->stop().Set();
                                             return absl::OkStatus();
                                           });
  HandleEmpty<grpc::UpdateEphemeralMountsRequest>(
      server, "UpdateEphemeralMounts", [sandbox](const CallContext&, const auto& in) -> absl::Status {
        for (const grpc::Storage& storage : in.storages())
          CC_RETURN_IF_ERROR(sandbox->volumes().Check(storage));
        for (const grpc::Storage& storage : in.storages())
          CC_RETURN_IF_ERROR(sandbox->volumes().Remount(storage));
        return absl::OkStatus();
      });
  // There never is a virtio-fs share here, so none is stale.
  HandleEmpty<grpc::RemoveStaleVirtiofsShareMountsRequest>(
      server, "RemoveStaleVirtiofsShareMounts",
      [](const CallContext&, const auto&) { return absl::OkStatus(); });
  HandleEmpty<grpc::CopyFileRequest>(server, "CopyFile", [sandbox](const CallContext&, const auto& in) {
    return sandbox->copies().Copy(in);
  });
}

}  // namespace cc::agent
