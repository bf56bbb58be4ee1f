// SPDX-License-Identifier: Apache-2.0
#include "shim/sandbox.h"

#include <sys/socket.h>
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
#include "base/socket.h"
#include "base/status.h"
#include "base/strings.h"
#include "shim/vm_spec.h"

namespace cc::shim {
namespace {

constexpr std::chrono::milliseconds kFirstDial{250};
constexpr std::chrono::milliseconds kMaxDialDelay{1000};
constexpr std::chrono::seconds kSetUpTimeout{60};
constexpr std::chrono::seconds kHealthInterval{5};
// A guest that is only busy answers a health check earlier.
constexpr std::chrono::seconds kSilence{3};
// How long a VM may live without its agent: enough for a guest that is powering off to say so.
constexpr std::chrono::seconds kLostAgentGrace{2};

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

grpc::Storage SharedMemory() {
  grpc::Storage shm;
  shm.set_driver("ephemeral");
  shm.set_source("shm");
  shm.set_fstype("tmpfs");
  for (const char* option : {"noexec", "nosuid", "nodev", "mode=1777", "size=67108864"})
    shm.add_options(option);
  shm.set_mount_point("/run/kata-containers/sandbox/shm");
  return shm;
}

}  // namespace

Sandbox::Sandbox(SandboxOptions options)
    : options_(std::move(options)),
      dir_(StrCat(options_.config.state_dir, "/", SandboxDirName(options_.namespace_name, options_.id))),
      egress_rules_(std::make_shared<EgressRules>()) {}

Sandbox::~Sandbox() { Stop(); }

absl::Status Sandbox::Boot(const PodIdentity& identity) {
  {
    std::unique_lock lock(mutex_);
    if (phase_ != Phase::kNew) {
      changed_.wait(lock, [this] { return phase_ != Phase::kBooting; });
      if (phase_ == Phase::kReady) return absl::OkStatus();
      return boot_status_.ok() ? EndStatusLocked() : boot_status_;
    }
    phase_ = Phase::kBooting;
  }
  absl::Status status = DoBoot(identity);
  if (!status.ok()) {
    status = Explain(status);
    Abandon();
  }
  const std::lock_guard lock(mutex_);
  if (status.ok() && phase_ == Phase::kEnded) status = EndStatusLocked();
  boot_status_ = status;
  if (status.ok()) phase_ = Phase::kReady;
  changed_.notify_all();
  return status;
}

// A VM that ended by itself explains a failure better than the call that noticed it.
absl::Status Sandbox::Explain(const absl::Status& status) {
  bool started = false;
  bool stopped = false;
  {
    const std::lock_guard lock(mutex_);
    started = monitor_started_;
    stopped = stop_requested_;
  }
  if (!started || stopped) return status;
  std::string message(MessageOf(status));
  if (const absl::Status end = EndStatus(); !end.ok()) StrAppend(&message, " (", MessageOf(end), ")");
  if (const std::string tail = console_.Tail(); !tail.empty()) {
    StrAppend(&message, "; the guest's console ends with:\n", tail);
  }
  return absl::Status(status.code(), message);
}

// The booting thread gives up.
void Sandbox::Abandon() {
  console_writer_.reset();
  namespace_.reset();
  std::unique_lock lock(mutex_);
  stop_requested_ = true;
  if (monitor_started_) {
    lock.unlock();
    vm_->Stop();
    lock.lock();
    changed_.wait(lock, [this] { return end_done_; });
    return;
  }
  phase_ = Phase::kEnded;
  if (network_ != nullptr) network_->Detach();
  std::error_code ignored;
  std::filesystem::remove_all(dir_, ignored);
  end_done_ = true;
  changed_.notify_all();
  const std::vector<std::function<void()>> callbacks = std::exchange(on_end_, {});
  lock.unlock();
  for (const auto& callback : callbacks) callback();
}

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
  CC_ASSIGN_OR_RETURN(UniqueFd connection, DialAgent(std::move(ready)));
  log::Info("agent ready", {{"ms", Milliseconds()}});
  auto agent = std::make_shared<agent_proto::AgentClient>(std::move(connection));
  {
    const std::lock_guard lock(mutex_);
    if (phase_ == Phase::kEnded) return EndStatusLocked();
    agent_ = agent;
  }
  CC_ASSIGN_OR_RETURN(agent_watcher_, Thread::Start("agent-watch", [this, agent] { WatchAgent(agent); }));
  CC_ASSIGN_OR_RETURN(health_watcher_, Thread::Start("health", [this, agent] { WatchHealth(agent); }));
  CC_RETURN_IF_ERROR(ConfigureNetwork(agent));
  CC_RETURN_IF_ERROR(CreateSandboxInGuest(identity));
  SetClock(*agent);
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

// As Kata's runtime does it, but after the first requests, which wait for the guest's set-up: the time must
// not be old. Not every machine has a clock that runs before its guest (cc-vmm has none): there the day would
// be 1970, and no certificate valid. The owner's policy may forbid it; the guest then keeps its own time.
void Sandbox::SetClock(agent_proto::AgentClient& agent) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(now);
  grpc::SetGuestDateTimeRequest request;
  request.set_sec(seconds.count());
  request.set_usec(std::chrono::duration_cast<std::chrono::microseconds>(now - seconds).count());
  const absl::Status status = agent.SetGuestDateTime(request, SetUpTimeout(options_.config)).status();
  if (!status.ok()) log::Warning("the guest's clock was not set", {{"error", status}});
}

// Kata's order: the guest has its network before it has a sandbox.
absl::Status Sandbox::ConfigureNetwork(const std::shared_ptr<agent_proto::AgentClient>& agent) {
  if (network_ == nullptr) return absl::OkStatus();
  const std::chrono::seconds limit = SetUpTimeout(options_.config);
  network_->SetGuest({.update_interface =
                          [agent, limit](const types::Interface& interface) {
                            grpc::UpdateInterfaceRequest request;
                            *request.mutable_interface() = interface;
                            return agent->UpdateInterface(request, limit).status();
                          },
                      .update_routes =
                          [agent, limit](const grpc::Routes& routes) {
                            grpc::UpdateRoutesRequest request;
                            *request.mutable_routes() = routes;
                            return agent->UpdateRoutes(request, limit).status();
                          },
                      .add_neighbors =
                          [agent, limit](const grpc::ARPNeighbors& neighbors) {
                            grpc::AddARPNeighborsRequest request;
                            *request.mutable_neighbors() = neighbors;
                            return agent->AddARPNeighbors(request, limit).status();
                          }});
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

absl::StatusOr<UniqueFd> Sandbox::DialAgent(UniqueFd ready_listener) {
  // An agent that is not ours does not push; it is found by dialling with a growing delay.
  CC_ASSIGN_OR_RETURN(Thread push, Thread::Start("ready", [this, listener = ready_listener.get()] {
                        if (!Accept(listener).ok()) return;
                        const std::lock_guard lock(mutex_);
                        agent_pushed_ready_ = true;
                        changed_.notify_all();
                      }));
  const auto deadline =
      std::chrono::steady_clock::now() + std::chrono::seconds(options_.config.vmm.boot_timeout_s);
  std::chrono::milliseconds delay = kFirstDial;
  absl::StatusOr<UniqueFd> connection = absl::UnavailableError("not dialled");
  bool pushed = false;
  while (!connection.ok()) {
    {
      std::unique_lock lock(mutex_);
      changed_.wait_for(lock, delay, [&] {
        return phase_ == Phase::kEnded || stop_requested_ || (agent_pushed_ready_ && !pushed);
      });
      pushed = agent_pushed_ready_;
      if (phase_ == Phase::kEnded || stop_requested_) {
        connection = absl::UnavailableError("the VM ended before its agent was ready");
        break;
      }
    }
    connection = vm_->Connect(agent_proto::kAgentPort);
    if (connection.ok()) break;
    if (std::chrono::steady_clock::now() > deadline) {
      connection = absl::DeadlineExceededError(
          StrCat("the guest's agent did not answer within ", options_.config.vmm.boot_timeout_s,
                 " s (vmm.boot_timeout_s): ", MessageOf(connection.status())));
      break;
    }
    delay = std::min(delay * 2, kMaxDialDelay);
  }
  ::shutdown(ready_listener.get(), SHUT_RDWR);
  push.Join();
  return connection;
}

absl::Status Sandbox::CreateSandboxInGuest(const PodIdentity& identity) {
  grpc::CreateSandboxRequest request;
  constexpr size_t kMaxHostname = 64;
  request.set_hostname(identity.hostname.substr(0, kMaxHostname));
  for (const std::string& line : identity.dns) request.add_dns(line);
  request.set_sandbox_id(options_.id);
  *request.add_storages() = SharedMemory();
  CC_ASSIGN_OR_RETURN(const auto agent, Agent());
  return Annotate(agent->CreateSandbox(request, SetUpTimeout(options_.config)).status(),
                  "create the sandbox in the guest");
}

void Sandbox::WatchAgent(const std::shared_ptr<agent_proto::AgentClient>& agent) {
  agent->OnClose([this] {
    const std::lock_guard lock(mutex_);
    agent_closed_ = true;
    changed_.notify_all();
  });
  while (true) {
    absl::StatusOr<grpc::OOMEvent> event = agent->GetOOMEvent({});
    if (!event.ok()) break;
    std::function<void(const std::string&)> callback;
    {
      const std::lock_guard lock(mutex_);
      callback = on_oom_;
    }
    if (callback) callback(event->container_id());
  }
  {
    std::unique_lock lock(mutex_);
    // Also when the VM has ended: the callback above must not outlive this object.
    changed_.wait(lock, [this] { return agent_closed_; });
    changed_.wait_for(lock, kLostAgentGrace, [this] { return phase_ == Phase::kEnded; });
    if (phase_ == Phase::kEnded) return;
    if (end_reason_.empty()) end_reason_ = "the connection to its agent was lost";
  }
  log::Error("agent lost, stopping the VM");
  vm_->Stop();
}

void Sandbox::WatchHealth(const std::shared_ptr<agent_proto::AgentClient>& agent) {
  const std::chrono::seconds limit(options_.config.vmm.agent_timeout_s);
  const auto ended = [this] { return phase_ == Phase::kEnded; };
  while (true) {
    {
      std::unique_lock lock(mutex_);
      if (changed_.wait_for(lock, std::min(limit, kHealthInterval), ended)) return;
      unanswered_since_ = std::chrono::steady_clock::now();
    }
    // Any answer is a sign of life, and a lost connection is noticed elsewhere.
    const bool answered = !absl::IsDeadlineExceeded(agent->Check({}, limit).status());
    if (answered) {
      const std::lock_guard lock(mutex_);
      unanswered_since_.reset();
      continue;
    }
    log::Error("agent does not answer, stopping the VM");
    Fail(StrCat("its agent did not answer for ", limit.count(), " s (vmm.agent_timeout_s)"));
    return;
  }
}

void Sandbox::Fail(const std::string& reason) {
  {
    const std::lock_guard lock(mutex_);
    if (end_reason_.empty()) end_reason_ = reason;
  }
  Stop();
}

void Sandbox::End(const std::string& reason) {
  std::vector<std::function<void()>> callbacks;
  std::shared_ptr<agent_proto::AgentClient> agent;
  {
    const std::lock_guard lock(mutex_);
    phase_ = Phase::kEnded;
    if (end_reason_.empty()) end_reason_ = stop_requested_ ? "it was stopped" : reason;
    callbacks.swap(on_end_);
    agent = agent_;
    changed_.notify_all();
  }
  log::Info("vm ended", {{"reason", reason}, {"ms", Milliseconds()}});
  if (agent != nullptr) agent->Close();
  volume_watch_.Stop();
  if (egress_ != nullptr) egress_->Stop();
  if (network_ != nullptr) network_->Detach();
  std::error_code error;
  std::filesystem::remove_all(dir_, error);
  if (error) log::Error("state directory not removed", {{"path", dir_}, {"error", error.message()}});
  {
    const std::lock_guard lock(mutex_);
    end_done_ = true;
    changed_.notify_all();
  }
  for (const auto& callback : callbacks) callback();
}

void Sandbox::Stop() {
  vmm::Vm* vm = nullptr;
  std::vector<std::function<void()>> callbacks;
  {
    const std::lock_guard lock(mutex_);
    stop_requested_ = true;
    if (phase_ == Phase::kNew) {
      phase_ = Phase::kEnded;
      end_done_ = true;
      callbacks.swap(on_end_);
    }
    if (monitor_started_) vm = vm_.get();
    changed_.notify_all();
  }
  for (const auto& callback : callbacks) callback();
  if (vm != nullptr) vm->Stop();
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return end_done_; });
}

bool Sandbox::ended() const {
  const std::lock_guard lock(mutex_);
  return phase_ == Phase::kEnded;
}

absl::Status Sandbox::EndStatus() const {
  const std::lock_guard lock(mutex_);
  return EndStatusLocked();
}

absl::Status Sandbox::EndStatusLocked() const {
  if (phase_ != Phase::kEnded) return absl::OkStatus();
  return absl::UnavailableError(
      StrCat("the VM has ended: ", end_reason_.empty() ? "it never ran" : end_reason_));
}

absl::StatusOr<std::shared_ptr<agent_proto::AgentClient>> Sandbox::Agent() const {
  const std::lock_guard lock(mutex_);
  if (phase_ == Phase::kEnded) return EndStatusLocked();
  if (agent_ == nullptr) return absl::UnavailableError("the VM has not booted yet");
  return agent_;
}

absl::Status Sandbox::Responsive() const {
  const std::lock_guard lock(mutex_);
  if (!unanswered_since_.has_value()) return absl::OkStatus();
  const auto silence = std::chrono::steady_clock::now() - *unanswered_since_;
  if (silence < kSilence) return absl::OkStatus();
  return absl::UnavailableError(StrCat("the guest's agent has not answered for ",
                                       std::chrono::duration_cast<std::chrono::seconds>(silence).count(),
                                       " s"));
}

pid_t Sandbox::vm_pid() const {
  const std::lock_guard lock(mutex_);
  return vm_ == nullptr ? -1 : vm_->pid();
}

absl::StatusOr<vmm::VmStats> Sandbox::Stats() const {
  vmm::Vm* vm = nullptr;
  {
    const std::lock_guard lock(mutex_);
    if (phase_ == Phase::kEnded) return EndStatusLocked();
    vm = vm_.get();
  }
  if (vm == nullptr) return absl::FailedPreconditionError("the VM has not been started");
  return vm->Stats();
}

void Sandbox::OnEnd(std::function<void()> callback) {
  {
    const std::lock_guard lock(mutex_);
    if (phase_ != Phase::kEnded) {
      on_end_.push_back(std::move(callback));
      return;
    }
  }
  callback();
}

void Sandbox::OnOom(std::function<void(const std::string&)> callback) {
  const std::lock_guard lock(mutex_);
  on_oom_ = std::move(callback);
}

int64_t Sandbox::Milliseconds() const {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() -
                                                               options_.shim_started)
      .count();
}

}  // namespace cc::shim
