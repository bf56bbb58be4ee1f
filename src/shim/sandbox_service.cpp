// SPDX-License-Identifier: Apache-2.0
#include "shim/sandbox_service.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "containerd/sandbox.pb.h"
#include "cri/pod_sandbox.pb.h"
#include "shim/guest_spec.h"
#include "shim/pod_annotations.h"
#include "shim/stats.h"
#include "shim/status_codes.h"
#include "shim/timestamp.h"
#include "shim/vm_spec.h"

namespace cc::shim {
namespace {

namespace api = containerd::runtime::sandbox::v1;

constexpr std::chrono::seconds kPingTimeout{3};
// Names of Kubernetes' PodSandboxState, as containerd expects them.
constexpr char kReady[] = "SANDBOX_READY";
constexpr char kNotReady[] = "SANDBOX_NOTREADY";

// GOARCH of the guest.
std::string Architecture(const Config& config) {
  const std::string machine = VmSpecOf(config).arch;
  return machine == "x86_64" ? "amd64" : machine == "aarch64" ? "arm64" : machine;
}

std::vector<std::string> ResolverLines(const runtime::v1::DNSConfig& dns) {
  std::vector<std::string> lines;
  for (const std::string& server : dns.servers()) lines.push_back(StrCat("nameserver ", server));
  if (!dns.searches().empty()) lines.push_back(StrCat("search ", StrJoin(dns.searches(), " ")));
  if (!dns.options().empty()) lines.push_back(StrCat("options ", StrJoin(dns.options(), " ")));
  return lines;
}

absl::StatusOr<Pod::SandboxSettings> ParseSettings(const api::CreateSandboxRequest& request) {
  runtime::v1::PodSandboxConfig config;
  if (request.has_options() && !config.ParseFromString(request.options().value())) {
    return absl::InvalidArgumentError(StrCat("create sandbox ", request.sandbox_id(), ": its options (",
                                             request.options().type_url(), ") are no PodSandboxConfig"));
  }
  if (config.linux().security_context().namespace_options().network() == runtime::v1::NODE) {
    return Annotate(RefuseHostNetwork(), StrCat("create sandbox ", request.sandbox_id()));
  }
  Pod::SandboxSettings settings{
      .bundle = request.bundle_path(),
      .network_namespace = request.netns_path(),
      .identity = {.hostname = config.hostname(), .dns = ResolverLines(config.dns_config())},
      .annotations = Annotations(request.annotations().begin(), request.annotations().end()),
      .sysctls = {}};
  for (const auto& [key, value] : config.annotations()) {
    if (!key.starts_with(kCriPrefix)) settings.annotations.emplace(key, value);
  }
  if (config.linux().has_resources()) SetPodLimits(config.linux().resources(), &settings.annotations);
  for (const auto& [key, value] : config.linux().sysctls()) settings.sysctls[key] = value;
  return settings;
}

// Shared with the callback on the VM's end, which may outlive the service. Thread-safe.
class Life {
 public:
  // The first time counts.
  void Started() {
    const std::lock_guard lock(mutex_);
    if (!std::exchange(started_, true)) started_at_ = Now();
  }
  void StopAsked() {
    const std::lock_guard lock(mutex_);
    stop_asked_ = true;
  }
  void Ended() {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    end_ = {.status = stop_asked_ ? 0 : kKilledStatus, .at = Now()};
    changed_.notify_all();
  }
  void Wake() {
    const std::lock_guard lock(mutex_);
    changed_.notify_all();
  }

  google::protobuf::Timestamp started_at() const {
    const std::lock_guard lock(mutex_);
    return started_at_;
  }
  // Status 0 for an end that was asked for.
  absl::StatusOr<ProcessExit> WaitEnd(const std::function<bool()>& cancelled) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return ended_ || cancelled(); });
    if (!ended_) return absl::CancelledError("the caller stopped waiting");
    return end_;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  google::protobuf::Timestamp started_at_;
  bool started_ = false;
  bool stop_asked_ = false;
  bool ended_ = false;
  ProcessExit end_;
};

class SandboxService {
 public:
  SandboxService(std::shared_ptr<Pod> pod, std::function<void()> shutdown)
      : pod_(std::move(pod)), shutdown_(std::move(shutdown)) {}

  absl::Status Create(const ttrpc::CallContext&, const api::CreateSandboxRequest& in,
                      api::CreateSandboxResponse&) {
    if (in.sandbox_id() != pod_->id()) {
      return absl::InvalidArgumentError(
          StrCat("create sandbox ", in.sandbox_id(), ": this shim serves sandbox ", pod_->id()));
    }
    CC_ASSIGN_OR_RETURN(Pod::SandboxSettings settings, ParseSettings(in));
    CC_ASSIGN_OR_RETURN(const std::shared_ptr<Sandbox> sandbox, pod_->PrepareSandbox(std::move(settings)));
    sandbox->OnEnd([life = life_] { life->Ended(); });
    const std::lock_guard lock(mutex_);
    sandbox_ = sandbox;
    return absl::OkStatus();
  }

  absl::Status Start(const ttrpc::CallContext&, const api::StartSandboxRequest& in,
                     api::StartSandboxResponse& out) {
    CC_ASSIGN_OR_RETURN(const std::shared_ptr<Sandbox> sandbox, Find(in.sandbox_id()));
    CC_RETURN_IF_ERROR(Annotate(pod_->BootSandbox(), StrCat("start sandbox ", in.sandbox_id())));
    life_->Started();
    out.set_pid(static_cast<uint32_t>(sandbox->vm_pid()));
    *out.mutable_created_at() = life_->started_at();
    return absl::OkStatus();
  }

  absl::Status Platform(const ttrpc::CallContext&, const api::PlatformRequest& in,
                        api::PlatformResponse& out) {
    CC_ASSIGN_OR_RETURN(const std::shared_ptr<Sandbox> sandbox, Find(in.sandbox_id()));
    out.mutable_platform()->set_os("linux");
    out.mutable_platform()->set_architecture(Architecture(sandbox->config()));
    return absl::OkStatus();
  }

  // Does not wait for the guest, whatever time the request grants: its containers were stopped before.
  absl::Status Stop(const ttrpc::CallContext&, const api::StopSandboxRequest& in, api::StopSandboxResponse&) {
    CC_RETURN_IF_ERROR(Find(in.sandbox_id()).status());
    life_->StopAsked();
    pod_->Stop();
    return absl::OkStatus();
  }

  absl::Status Wait(const ttrpc::CallContext& call, const api::WaitSandboxRequest& in,
                    api::WaitSandboxResponse& out) {
    CC_RETURN_IF_ERROR(Find(in.sandbox_id()).status());
    // The callback may still run after this function has returned, so it owns what it touches.
    const auto cancelled = std::make_shared<std::atomic<bool>>(false);
    call.OnCancel([cancelled, life = life_] {
      *cancelled = true;
      life->Wake();
    });
    CC_ASSIGN_OR_RETURN(const ProcessExit exit, life_->WaitEnd([cancelled] { return cancelled->load(); }));
    out.set_exit_status(exit.status);
    *out.mutable_exited_at() = exit.at;
    return absl::OkStatus();
  }

  absl::Status Status(const ttrpc::CallContext&, const api::SandboxStatusRequest& in,
                      api::SandboxStatusResponse& out) {
    CC_ASSIGN_OR_RETURN(const std::shared_ptr<Sandbox> sandbox, Find(in.sandbox_id()));
    const bool ready = sandbox->Agent().ok();
    out.set_sandbox_id(in.sandbox_id());
    out.set_state(ready ? kReady : kNotReady);
    const pid_t pid = sandbox->vm_pid();
    if (pid > 0) out.set_pid(static_cast<uint32_t>(pid));
    *out.mutable_created_at() = life_->started_at();
    if (sandbox->ended()) {
      CC_ASSIGN_OR_RETURN(const ProcessExit exit, life_->WaitEnd([] { return false; }));
      *out.mutable_exited_at() = exit.at;
    }
    if (in.verbose()) (*out.mutable_info())["end"] = std::string(MessageOf(sandbox->EndStatus()));
    return absl::OkStatus();
  }

  absl::Status Ping(const ttrpc::CallContext&, const api::PingRequest& in, api::PingResponse&) {
    CC_ASSIGN_OR_RETURN(const std::shared_ptr<Sandbox> sandbox, Find(in.sandbox_id()));
    CC_RETURN_IF_ERROR(sandbox->Responsive());
    CC_ASSIGN_OR_RETURN(const auto agent, sandbox->Agent());
    return Annotate(agent->Check({}, kPingTimeout).status(), StrCat("ping sandbox ", in.sandbox_id()));
  }

  // Also of a sandbox that could not be created: containerd has no other word for the end of its shim.
  absl::Status Shutdown(const ttrpc::CallContext&, const api::ShutdownSandboxRequest& in,
                        api::ShutdownSandboxResponse&) {
    if (in.sandbox_id() != pod_->id()) return NotFound(in.sandbox_id());
    life_->StopAsked();
    pod_->Stop();
    shutdown_();
    return absl::OkStatus();
  }

  // What the pod costs the host, the guest's memory included.
  absl::Status Metrics(const ttrpc::CallContext&, const api::SandboxMetricsRequest& in,
                       api::SandboxMetricsResponse& out) {
    constexpr uint64_t kNanosPerMicro = 1000;
    CC_ASSIGN_OR_RETURN(const std::shared_ptr<Sandbox> sandbox, Find(in.sandbox_id()));
    CC_ASSIGN_OR_RETURN(const vmm::VmStats stats, sandbox->Stats());
    grpc::StatsContainerResponse counters;
    counters.mutable_cgroup_stats()->mutable_cpu_stats()->mutable_cpu_usage()->set_total_usage(
        stats.cpu_usec * kNanosPerMicro);
    counters.mutable_cgroup_stats()->mutable_memory_stats()->mutable_usage()->set_usage(stats.rss_bytes);
    *out.mutable_metrics()->mutable_timestamp() = Now();
    out.mutable_metrics()->set_id(in.sandbox_id());
    *out.mutable_metrics()->mutable_data() = ConvertStats(counters, HostCgroupMode());
    return absl::OkStatus();
  }

 private:
  static absl::Status NotFound(const std::string& id) {
    return absl::NotFoundError(StrCat("sandbox ", id, ": not found"));
  }
  absl::StatusOr<std::shared_ptr<Sandbox>> Find(const std::string& id) const {
    const std::lock_guard lock(mutex_);
    if (sandbox_ == nullptr || id != pod_->id()) return NotFound(id);
    return sandbox_;
  }

  const std::shared_ptr<Pod> pod_;
  const std::function<void()> shutdown_;
  const std::shared_ptr<Life> life_ = std::make_shared<Life>();
  mutable std::mutex mutex_;
  std::shared_ptr<Sandbox> sandbox_;
};

template <typename Request, typename Response>
using Method = absl::Status (SandboxService::*)(const ttrpc::CallContext&, const Request&, Response&);

}  // namespace

void RegisterSandboxService(ttrpc::Server& server, const std::shared_ptr<Pod>& pod,
                            std::function<void()> shutdown) {
  const auto service = std::make_shared<SandboxService>(pod, std::move(shutdown));
  const auto handle = [&]<typename In, typename Out>(const char* method, Method<In, Out> function) {
    server.Handle<In, Out>("containerd.runtime.sandbox.v1.Sandbox", method,
                           [service, function](const ttrpc::CallContext& call, const In& in, Out& out) {
                             return ForContainerd((service.get()->*function)(call, in, out));
                           });
  };
  handle("CreateSandbox", &SandboxService::Create);
  handle("StartSandbox", &SandboxService::Start);
  handle("Platform", &SandboxService::Platform);
  handle("StopSandbox", &SandboxService::Stop);
  handle("WaitSandbox", &SandboxService::Wait);
  handle("SandboxStatus", &SandboxService::Status);
  handle("PingSandbox", &SandboxService::Ping);
  handle("ShutdownSandbox", &SandboxService::Shutdown);
  handle("SandboxMetrics", &SandboxService::Metrics);
}

}  // namespace cc::shim
