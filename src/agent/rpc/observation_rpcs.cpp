// SPDX-License-Identifier: Apache-2.0
// What the host may see of the guest: statistics, events, metrics, diagnostics.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <memory>

#include "agent/cgroup/stats.h"
#include "agent/oci/spec_policy.h"
#include "agent/rpc/metrics.h"
#include "agent/rpc/services.h"
#include "agent/rpc/utf8.h"
#include "base/beneath.h"
#include "base/file.h"
#include "base/status.h"
#include "base/strings.h"
#include "kata/agent.pb.h"
#include "kata/csi.pb.h"

namespace cc::agent {
namespace {

using ttrpc::CallContext;

// Kubernetes's limit for a termination message.
constexpr size_t kMaxTerminationLog = 4096;
constexpr size_t kMaxNetDev = 256 * 1024;

absl::Status StatsContainer(Sandbox& sandbox, const std::string& id, grpc::StatsContainerResponse& out) {
  CC_ASSIGN_OR_RETURN(const std::shared_ptr<Container> container, sandbox.Find(id));
  CC_RETURN_IF_ERROR(container->Init().status());
  CC_RETURN_IF_ERROR(Annotate(ReadCgroupStats(sandbox.CgroupOf(*container), out.mutable_cgroup_stats()),
                              StrCat("statistics of container ", id)));
  if (absl::StatusOr<std::string> text = ReadFile("/proc/net/dev", kMaxNetDev); text.ok())
    ParseNetDev(*text, &out);
  return absl::OkStatus();
}

absl::Status TerminationLog(Sandbox& sandbox, const std::string& id, grpc::GetDiagnosticDataResponse& out) {
  CC_ASSIGN_OR_RETURN(const std::shared_ptr<Container> container, sandbox.Find(id));
  CC_RETURN_IF_ERROR(container->Init().status());
  const std::string& path = container->facts().termination_log;
  if (path.empty()) return absl::NotFoundError(StrCat("container ", id, " has no termination message path"));
  const std::string_view relative = std::string_view(path).substr(sandbox.config().base.size());
  absl::StatusOr<UniqueFd> file = OpenBeneath(sandbox.base_fd(), relative, O_RDONLY | O_NONBLOCK);
  if (absl::IsNotFound(file.status())) return absl::OkStatus();
  if (!file.ok()) return file.status();
  struct stat st {};
  if (::fstat(file->get(), &st) != 0 || !S_ISREG(st.st_mode)) {
    return absl::FailedPreconditionError("the termination message is no regular file");
  }
  // kubelet takes the end of a longer message.
  const off_t start = st.st_size - static_cast<off_t>(kMaxTerminationLog);
  if (start > 0 && ::lseek(file->get(), start, SEEK_SET) < 0) return ErrnoStatus(errno, "seek");
  std::array<char, kMaxTerminationLog> buffer;
  CC_ASSIGN_OR_RETURN(const size_t n, ReadSome(file->get(), buffer));
  out.set_data(ToUtf8(std::string_view(buffer.data(), n)));
  return absl::OkStatus();
}

absl::Status GetVolumeStats(Sandbox& sandbox, const std::string& path, grpc::VolumeStatsResponse& out) {
  if (!IsVolumePath(path, sandbox.config().base)) {
    return absl::PermissionDeniedError(StrCat(path, " is no volume"));
  }
  CC_ASSIGN_OR_RETURN(
      UniqueFd fd,
      OpenBeneath(sandbox.base_fd(), std::string_view(path).substr(sandbox.config().base.size()), O_PATH));
  struct statvfs st {};
  if (::statvfs(StrCat("/proc/self/fd/", fd.get()).c_str(), &st) != 0) {
    return ErrnoStatus(errno, StrCat("usage of volume ", path));
  }
  const auto add = [&](grpc::VolumeUsage::Unit unit, uint64_t total, uint64_t free, uint64_t available) {
    grpc::VolumeUsage* usage = out.add_usage();
    usage->set_unit(unit);
    usage->set_total(total);
    usage->set_used(total - free);
    usage->set_available(available);
  };
  add(grpc::VolumeUsage::BYTES, st.f_blocks * st.f_frsize, st.f_bfree * st.f_frsize,
      st.f_bavail * st.f_frsize);
  add(grpc::VolumeUsage::INODES, st.f_files, st.f_ffree, st.f_favail);
  out.mutable_volume_condition()->set_message("OK");
  return absl::OkStatus();
}

}  // namespace

void RegisterObservation(ttrpc::Server* server, Sandbox* sandbox) {
  server->Handle<grpc::StatsContainerRequest, grpc::StatsContainerResponse>(
      agent_proto::kAgentService, "StatsContainer", [sandbox](const CallContext&, const auto& in, auto& out) {
        return StatsContainer(*sandbox, in.container_id(), out);
      });
  server->Handle<grpc::GetOOMEventRequest, grpc::OOMEvent>(
      agent_proto::kAgentService, "GetOOMEvent",
      [sandbox](const CallContext& call, const auto&, auto& out) -> absl::Status {
        CC_ASSIGN_OR_RETURN(*out.mutable_container_id(), sandbox->oom().Next(call));
        return absl::OkStatus();
      });
  server->Handle<grpc::GetMetricsRequest, grpc::Metrics>(
      agent_proto::kAgentService, "GetMetrics",
      [scrapes = std::make_shared<std::atomic<uint64_t>>(0)](const CallContext&, const auto&, auto& out) {
        out.set_metrics(CollectMetrics(++*scrapes));
        return absl::OkStatus();
      });
  server->Handle<grpc::GetDiagnosticDataRequest, grpc::GetDiagnosticDataResponse>(
      agent_proto::kAgentService, "GetDiagnosticData",
      [sandbox](const CallContext&, const auto& in, auto& out) -> absl::Status {
        if (in.log_type() != "termination_log") {
          return absl::InvalidArgumentError(StrCat("unknown diagnostic data '", in.log_type(), "'"));
        }
        return TerminationLog(*sandbox, in.container_id(), out);
      });
  server->Handle<grpc::VolumeStatsRequest, grpc::VolumeStatsResponse>(
      agent_proto::kAgentService, "GetVolumeStats", [sandbox](const CallContext&, const auto& in, auto& out) {
        return GetVolumeStats(*sandbox, in.volume_guest_path(), out);
      });
}

}  // namespace cc::agent
