// SPDX-License-Identifier: Apache-2.0
// How a sandbox comes up: its namespace and network, its VM, the agent in it.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <system_error>
#include <utility>

#include "agent_proto/names.h"
#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "shim/idle_probe.h"
#include "shim/sandbox.h"
#include "shim/vm_spec.h"

namespace cc::shim {
namespace {

constexpr std::chrono::seconds kSetUpTimeout{60};

// The agent answers its health check at once, and the first request only when the guest is set up: drivers,
// and in a Realm with initdata a piece of evidence. That is boot time, too.
std::chrono::seconds SetUpTimeout(const Config& config) {
  return std::max(kSetUpTimeout, std::chrono::seconds(config.vmm.boot_timeout_s));
}

vmm::VmSpec MakeSpec(const SandboxOptions& options, const std::string& dir, int console,
                     const pod_net::NetNamespace& space, const pod_net::PodNetwork& network) {
  vmm::VmSpec spec = VmSpecOf(options.config);
  spec.id = options.id;
  spec.state_dir = dir;
  spec.console_fd = console;
  spec.network_namespace = space.fd();
  for (const pod_net::PodNetwork::Nic& nic : network.nics()) {
    spec.nics.push_back({.tap_fd = nic.tap_fd, .mac = nic.mac, .mtu = nic.mtu});
  }
  return spec;
}

}  // namespace

absl::Status Sandbox::DoBoot(const PodIdentity& identity) {
  egress_rules_->SetPlainHttp(options_.config.image.insecure_plain_http);
  CC_RETURN_IF_ERROR(egress_rules_->Allow(options_.config.image.egress_hosts));
  CC_RETURN_IF_ERROR(egress_rules_->Allow(options_.config.image.mirrors));
  if (!options_.config.attestation.kbs_url.empty()) {
    CC_RETURN_IF_ERROR(egress_rules_->Allow({options_.config.attestation.kbs_url}));
  }
  if (options_.init_data.has_value()) {
    CC_RETURN_IF_ERROR(egress_rules_->Allow(options_.init_data->destinations));
  }
  CC_ASSIGN_OR_RETURN(namespace_, GetNamespace());
  CC_RETURN_IF_ERROR(MakeStateDir());
  CC_ASSIGN_OR_RETURN(const std::unique_ptr<vmm::Vmm> backend,
                      options_.backends->Make(options_.config.vmm.backend));
  CC_RETURN_IF_ERROR(AttachNetwork());
  CC_RETURN_IF_ERROR(CreateVm(*backend));
  CC_ASSIGN_OR_RETURN(UniqueFd ready, vm_->Listen(agent_proto::kReadyPort));
  CC_ASSIGN_OR_RETURN(UniqueFd egress, vm_->Listen(agent_proto::kEgressPort));
  egress_ = std::make_unique<Egress>(std::move(egress), egress_rules_);
  CC_RETURN_IF_ERROR(egress_->Start());
  CC_RETURN_IF_ERROR(StartVm());
  log::Info("vm started", {{"pid", vm_->pid()}, {"ms", Milliseconds()}});
  CC_ASSIGN_OR_RETURN(UniqueFd connection, FindAgent(std::move(ready)));
  log::Info("agent ready", {{"ms", Milliseconds()}});
  const auto agent = std::make_shared<agent_proto::AgentClient>(std::move(connection));
  CC_RETURN_IF_ERROR(WatchAgent(agent));
  CC_RETURN_IF_ERROR(ConfigureNetwork(agent));
  const std::chrono::seconds limit = SetUpTimeout(options_.config);
  CC_RETURN_IF_ERROR(CreateSandboxInGuest(*agent, options_.id, identity, limit));
  SetGuestClock(*agent, limit);
  return absl::OkStatus();
}

// Never the host's: clients attach to the namespace of the task's process, which is the VMM.
absl::StatusOr<pod_net::NetNamespace> Sandbox::GetNamespace() const {
  if (options_.network_namespace.empty()) return pod_net::NetNamespace::Make();
  return pod_net::NetNamespace::Open(options_.network_namespace);
}

absl::Status Sandbox::AttachNetwork() {
  const int64_t before = Milliseconds();
  absl::StatusOr<std::unique_ptr<pod_net::PodNetwork>> network =
      pod_net::PodNetwork::Attach(*namespace_, {.spare_nics = options_.config.network.spare_nics});
  if (!network.ok()) {
    const std::string& path = options_.network_namespace;
    return Annotate(network.status(),
                    StrCat("attach to network namespace ", path.empty() ? "of the VM" : path));
  }
  network_ = std::move(*network);
  log::Info("network attached", {{"nics", network_->nics().size()}, {"took", Milliseconds() - before}});
  return absl::OkStatus();
}

// Kata's order: the guest has its network before it has a sandbox.
absl::Status Sandbox::ConfigureNetwork(const std::shared_ptr<agent_proto::AgentClient>& agent) {
  if (network_ == nullptr) return absl::OkStatus();
  network_->SetGuest(GuestNetworkCalls(agent, SetUpTimeout(options_.config)));
  CC_RETURN_IF_ERROR(SyncNetwork());
  return network_->Watch();
}

absl::Status Sandbox::SyncNetwork() {
  if (network_ == nullptr) return absl::OkStatus();
  const int64_t before = Milliseconds();
  CC_RETURN_IF_ERROR(Annotate(network_->Sync(), "set up the pod's network"));
  log::Info("network told to the guest", {{"took", Milliseconds() - before}});
  return absl::OkStatus();
}

absl::StatusOr<SandboxRecord> Sandbox::MakeRecord() const {
  SandboxRecord record;
  CC_ASSIGN_OR_RETURN(record.shim, ProcessId::Of(::getpid()));
  record.state_dir = dir_;
  // A new one needs no cleaning: it goes with its last process.
  if (!options_.network_namespace.empty()) {
    record.network_namespace = options_.network_namespace;
    record.network_identity = namespace_->identity();
  }
  return record;
}

absl::Status Sandbox::MakeStateDir() {
  std::error_code error;
  std::filesystem::create_directories(options_.config.state_dir, error);
  if (error) return ErrnoStatus(error.value(), StrCat("make state directory ", options_.config.state_dir));
  // A sandbox of the same name is gone: `start` made sure that its shim does not answer.
  std::filesystem::remove_all(dir_, error);
  if (::mkdir(dir_.c_str(), 0700) != 0) return ErrnoStatus(errno, StrCat("make state directory ", dir_));
  CC_ASSIGN_OR_RETURN(const SandboxRecord record, MakeRecord());
  return Annotate(record.Save(options_.bundle), "record the sandbox in its bundle");
}

absl::Status Sandbox::CreateVm(vmm::Vmm& backend) {
  CC_ASSIGN_OR_RETURN(UniqueFd console, console_.Open());
  vmm::VmSpec spec = MakeSpec(options_, dir_, console.get(), *namespace_, *network_);
  if (options_.init_data) CC_RETURN_IF_ERROR(AddInitData(*options_.init_data, &spec));
  CC_ASSIGN_OR_RETURN(std::unique_ptr<vmm::Vm> vm, backend.Create(spec));
  console_writer_ = std::move(console);
  const std::lock_guard lock(mutex_);
  vm_ = std::move(vm);
  return absl::OkStatus();
}

absl::Status Sandbox::StartVm() {
  absl::Status started;
  bool done = false;  // under mutex_, as is `started`
  {
    const std::lock_guard lock(mutex_);
    if (stop_requested_) return absl::CancelledError("the pod was stopped before its VM was started");
    CC_ASSIGN_OR_RETURN(monitor_, Thread::Start("vm-monitor", [this, &started, &done] {
                          absl::Status status = vm_->Start();
                          const bool running = status.ok();
                          {
                            const std::lock_guard start_lock(mutex_);
                            started = std::move(status);
                            done = true;
                            changed_.notify_all();
                          }
                          End(running ? vm_->Wait() : "it did not start");
                        }));
    monitor_started_ = true;
  }
  bool stop = false;
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return done; });
    stop = stop_requested_;
  }
  console_writer_.reset();
  if (network_ != nullptr) network_->CloseTaps();
  CC_RETURN_IF_ERROR(started);
  // A Stop that came before the start found nothing to stop.
  if (stop) vm_->Stop();
  CC_ASSIGN_OR_RETURN(SandboxRecord record, MakeRecord());
  namespace_.reset();
  if (absl::StatusOr<ProcessId> vm = ProcessId::Of(vm_->pid()); vm.ok()) record.vm = *vm;
  return Annotate(record.Save(options_.bundle), "record the VM in the bundle");
}

absl::StatusOr<UniqueFd> Sandbox::FindAgent(UniqueFd ready_listener) {
  const auto search = std::make_shared<AgentSearch>(std::move(ready_listener),
                                                    [this] { return vm_->Connect(agent_proto::kAgentPort); });
  {
    const std::lock_guard lock(mutex_);
    search_ = search;
    if (phase_ == Phase::kEnded || stop_requested_) search->Cancel();
  }
  absl::StatusOr<UniqueFd> connection = search->Run(std::chrono::seconds(options_.config.vmm.boot_timeout_s));
  const std::lock_guard lock(mutex_);
  search_.reset();
  return connection;
}

absl::Status Sandbox::WatchAgent(const std::shared_ptr<agent_proto::AgentClient>& agent) {
  std::function<void(const std::string&)> on_oom;
  {
    const std::lock_guard lock(mutex_);
    if (phase_ == Phase::kEnded) return EndStatusLocked();
    agent_ = agent;
    on_oom = on_oom_;
  }
  CC_ASSIGN_OR_RETURN(
      std::unique_ptr<AgentWatch> watch,
      AgentWatch::Start(agent, {.silence_limit = std::chrono::seconds(options_.config.vmm.agent_timeout_s),
                                .vmm_idle = [probe = std::make_shared<IdleProbe>(
                                                 vm_->pid())] { return probe->IdleSinceLastLook(); },
                                .on_oom = std::move(on_oom),
                                .on_lost = [this](const std::string& reason) { EndVm(reason); }}));
  const std::lock_guard lock(mutex_);
  watch_ = std::move(watch);
  if (phase_ == Phase::kEnded) watch_->VmEnded();
  return absl::OkStatus();
}

}  // namespace cc::shim
