// SPDX-License-Identifier: Apache-2.0
#include "agent/daemon.h"

#include <signal.h>
#include <sys/prctl.h>

#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "agent/init/admission.h"
#include "agent/init/attestation_report.h"
#include "agent/init/data_hub.h"
#include "agent/init/guest_init.h"
#include "agent/init/init_data.h"
#include "agent/init/kernel_params.h"
#include "agent/init/modules.h"
#include "agent/init/standard_streams.h"
#include "agent/init/start_gate.h"
#include "agent/policy/agent_policy.h"
#include "agent/rpc/services.h"
#include "agent_proto/names.h"
#include "base/file.h"
#include "base/log.h"
#include "base/socket.h"
#include "base/status.h"
#include "base/strings.h"

namespace cc::agent {
namespace {

constexpr size_t kMaxText = 1 << 20;
constexpr uint32_t kHostCid = 2;
constexpr std::string_view kUnixPrefix = "unix://";

// Looked up for each: a bus driver may have come just before.
bool IsWanted(const KernelModule& module) {
  return module.virtio_type == 0 || VirtioTypes().contains(module.virtio_type);
}

// What may be made ready while the agent already answers: modules and, in a Realm, the kernel's attestation
// reports.
class LateModules {
 public:
  LateModules(std::vector<KernelModule> modules, std::string realm_modules)
      : thread_([this, modules = std::move(modules), realm_modules = std::move(realm_modules)] {
          for (const KernelModule& module : modules) {
            if (!IsWanted(module)) continue;
            if (absl::Status status = LoadModule(module); !status.ok())
              log::Error("module missing", {{"error", status}});
          }
          if (InRealm()) {
            if (absl::Status status = OfferAttestationReports(realm_modules); !status.ok())
              log::Error("this Realm cannot attest", {{"error", status}});
          }
          std::lock_guard lock(mutex_);
          loaded_ = true;
          changed_.notify_all();
        }) {}
  ~LateModules() { thread_.join(); }

  void Await() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return loaded_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool loaded_ = false;
  std::thread thread_;
};

absl::StatusOr<KernelParams> ReadKernelParams() {
  CC_ASSIGN_OR_RETURN(const std::string cmdline, ReadFile("/proc/cmdline", kMaxText));
  return ParseKernelParams(cmdline);
}

// Loads what console and vsock need and returns the rest.
absl::StatusOr<std::vector<KernelModule>> LoadEarlyModules(const std::string& list) {
  CC_ASSIGN_OR_RETURN(std::vector<KernelModule> modules, ReadModuleList(list));
  auto next = modules.begin();
  for (; next != modules.end() && !VsockReady(); ++next) {
    if (IsWanted(*next)) CC_RETURN_IF_ERROR(LoadModule(*next));
  }
  return std::vector<KernelModule>(next, modules.end());
}

absl::StatusOr<UniqueFd> Listen(const std::string& address) {
  if (address == "vsock") return ListenVsock(agent_proto::kAgentPort);
  if (address.compare(0, kUnixPrefix.size(), kUnixPrefix) == 0)
    return ListenUnix(address.substr(kUnixPrefix.size()));
  return absl::InvalidArgumentError(StrCat("listen address '", address, "': want vsock or unix:///path"));
}

// The guest's own part of a start: everything before the server can listen.
absl::StatusOr<std::vector<KernelModule>> BecomeInit(DaemonOptions& options, KernelParams* params) {
  const StandardStreams streams;
  CC_RETURN_IF_ERROR(SetUpGuest(options.sandbox.cgroup_root));
  CC_ASSIGN_OR_RETURN(*params, ReadKernelParams());
  log::Init({.level = params->debug_log ? log::Level::kDebug : log::Level::kInfo,
             .format = log::Format::kText,
             .fd = 2,
             .component = "agent"});
  options.sandbox.image_pull_timeout = params->image_pull_timeout;
  absl::StatusOr<std::vector<KernelModule>> late = LoadEarlyModules(options.modules);
  streams.Connect();
  return late;
}

// What the host says that the owner gave to this guest. Only a guest with a disk has to wait for the driver,
// to look.
absl::StatusOr<InitDataFiles> TakeInitData(LateModules& modules) {
  if (!HasVirtioDisk()) return InitDataFiles();
  modules.Await();
  CC_ASSIGN_OR_RETURN(const std::optional<std::string> text, FindInitData());
  if (!text.has_value()) return InitDataFiles();
  return LayOutInitData(*text, std::string(agent_proto::kInitDataDirectory));
}

// Starts the data hub, if it is wanted, and takes the owner's policy. OK when workloads may start.
absl::Status Open(const InitDataFiles& init_data, bool start_data_hub, DataHub& data_hub,
                  AgentPolicy& policy) {
  bool started = false;
  const auto ask = [&]() -> absl::StatusOr<initdata::Binding> {
    if (!start_data_hub) {
      return absl::FailedPreconditionError(
          "initdata: the guest's command line starts no data hub (agent.guest_components_procs), so nobody "
          "can "
          "say whether the hardware vouches for it");
    }
    started = true;
    return data_hub.StartForVerdict();
  };
  absl::Status status = Admit(init_data, InRealm(), ask, policy);
  if (status.ok() && start_data_hub && !started) data_hub.Start();
  return status;
}

// A host that does not know the port answers nothing for a while: hence a thread that nobody waits for before
// the end.
void PushReadiness() { ConnectVsock(kHostCid, agent_proto::kReadyPort).status().IgnoreError(); }

}  // namespace

absl::Status RunDaemon(DaemonOptions options) {
  Reaper::BlockSignals();
  ::signal(SIGPIPE, SIG_IGN);
  KernelParams params;
  std::vector<KernelModule> late;
  if (options.sandbox.init) {
    CC_ASSIGN_OR_RETURN(late, BecomeInit(options, &params));
  } else {
    params.start_data_hub = false;
    if (::prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) return ErrnoStatus(errno, "become a subreaper");
  }

  Reaper reaper;
  CC_ASSIGN_OR_RETURN(const std::unique_ptr<Sandbox> sandbox, Sandbox::Create(options.sandbox, &reaper));
  CC_ASSIGN_OR_RETURN(const UniqueFd listener, Listen(options.listen));
  LateModules modules(std::move(late), options.realm_modules);
  AgentPolicy policy;
  ttrpc::Server server;
  RegisterServices(&server, sandbox.get(), &policy);
  StartGate gate;
  server.SetInterceptor([&gate, &policy](const ttrpc::Server::Invocation& invocation) {
    if (invocation.service == agent_proto::kAgentService) CC_RETURN_IF_ERROR(gate.Await());
    return AllowedBy(policy, invocation);
  });

  std::thread serving([&server, &listener] {
    if (absl::Status status = server.Serve(listener.get()); !status.ok())
      log::Error("server ended", {{"error", status}});
  });
  std::thread ready;
  if (options.sandbox.init) ready = std::thread(PushReadiness);
  log::Info("agent ready", {{"version", CC_VERSION}, {"listen", options.listen}});

  const absl::StatusOr<InitDataFiles> init_data =
      options.sandbox.init ? TakeInitData(modules) : absl::StatusOr<InitDataFiles>(InitDataFiles());
  DataHub data_hub(options.data_hub_program,
                   init_data.ok() ? init_data->data_hub_arguments : std::vector<std::string>(),
                   options.sandbox.data_hub, &reaper);
  absl::Status opened = init_data.status();
  if (opened.ok()) opened = Open(*init_data, params.start_data_hub, data_hub, policy);
  if (!opened.ok()) log::Error("nothing may start in this guest", {{"cause", opened}});
  modules.Await();
  gate.Set(std::move(opened));
  const absl::Status status = reaper.Run(sandbox->stop().fd());
  log::Info("agent ends");
  server.Shutdown();
  serving.join();
  if (ready.joinable()) ready.join();
  return status;
}

}  // namespace cc::agent
