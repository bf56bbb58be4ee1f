// SPDX-License-Identifier: Apache-2.0
// cc-datahub: pulls images inside the guest, attests it and fetches its secrets. See --help.
#include <signal.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "agent_proto/data_hub_end.h"
#include "agent_proto/names.h"
#include "attest/ocicrypt/encrypted_layer.h"
#include "base/file.h"
#include "base/log.h"
#include "base/socket.h"
#include "base/status.h"
#include "base/strings.h"
#include "base/tcp.h"
#include "base/thread.h"
#include "datahub/attestation.h"
#include "datahub/attestation_agent.h"
#include "datahub/config/config.h"
#include "datahub/credential_files.h"
#include "datahub/egress.h"
#include "datahub/image_settings.h"
#include "datahub/init_data.h"
#include "datahub/layer_decryption.h"
#include "datahub/mount_watch.h"
#include "datahub/rest_api.h"
#include "datahub/rest_server.h"
#include "datahub/routes.h"
#include "datahub/secret_service.h"
#include "datahub/service.h"
#include "initdata/initdata.h"
#include "initdata/verdict.h"
#include "ttrpc/server.h"

namespace {

// Which of upstream's processes this one stands for. They can be started apart, under their names.
enum class Role { kAll, kAttestationAgent, kDataHub };

struct Flags {
  Role role = Role::kAll;
  std::string socket, attestation_agent_socket, store;
  std::string cdh_toml, aa_toml;
  std::string init_data_toml, init_data_digest;
  int verdict_fd = -1;
};

// Where the agent waits for what is found of the initdata. Told once; nobody waits when there is no
// descriptor.
class VerdictPipe {
 public:
  explicit VerdictPipe(int fd) : fd_(fd) {}
  absl::Status Tell(const absl::StatusOr<cc::initdata::Binding>& verdict) {
    if (!fd_) return absl::OkStatus();
    const absl::Status status = cc::initdata::WriteVerdict(fd_.get(), verdict);
    fd_.reset();
    return status;
  }

 private:
  cc::UniqueFd fd_;
};

absl::StatusOr<cc::datahub::InitDataBinding> ReadInitData(const Flags& flags) {
  if (!flags.init_data_toml.empty()) {
    CC_ASSIGN_OR_RETURN(std::string text, cc::ReadFile(flags.init_data_toml, cc::initdata::kMaxSize));
    return cc::datahub::BindingOf(std::move(text));
  }
  if (!flags.init_data_digest.empty()) return cc::datahub::BindingOfDigest(flags.init_data_digest);
  return cc::datahub::InitDataBinding();
}

absl::StatusOr<cc::datahub::Config> Configure(const Flags& flags) {
  std::optional<cc::datahub::CdhConfig> cdh;
  std::optional<cc::datahub::AaConfig> aa;
  if (!flags.cdh_toml.empty()) {
    CC_ASSIGN_OR_RETURN(const std::string text, cc::ReadFile(flags.cdh_toml));
    CC_ASSIGN_OR_RETURN(cdh, cc::datahub::ParseCdhConfig(text, flags.cdh_toml));
  }
  if (!flags.aa_toml.empty()) {
    CC_ASSIGN_OR_RETURN(const std::string text, cc::ReadFile(flags.aa_toml));
    CC_ASSIGN_OR_RETURN(aa, cc::datahub::ParseAaConfig(text, flags.aa_toml));
  }
  CC_ASSIGN_OR_RETURN(const cc::datahub::KernelCmdline cmdline, cc::datahub::KernelCmdline::Read());
  CC_ASSIGN_OR_RETURN(cc::datahub::Config config, cc::datahub::MakeConfig(cmdline, cdh, aa));
  if (!flags.socket.empty()) {
    CC_ASSIGN_OR_RETURN(config.socket, cc::datahub::SocketPath(flags.socket));
  }
  if (!flags.attestation_agent_socket.empty()) {
    CC_ASSIGN_OR_RETURN(config.attestation_agent_socket,
                        cc::datahub::SocketPath(flags.attestation_agent_socket));
  }
  if (!flags.store.empty()) config.image.store = flags.store;
  CC_ASSIGN_OR_RETURN(config.attestation.init_data, ReadInitData(flags));
  return config;
}

absl::Status MakeParent(const std::string& path) {
  const std::string directory = std::filesystem::path(path).parent_path();
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) return cc::ErrnoStatus(error.value(), cc::StrCat("make directory ", directory));
  return absl::OkStatus();
}

// A ttrpc server that serves a socket for as long as the object lives.
class BackgroundServer {
 public:
  static absl::StatusOr<std::unique_ptr<BackgroundServer>> Start(
      const std::string& socket, const std::function<void(cc::ttrpc::Server&)>& register_services) {
    auto server = std::make_unique<BackgroundServer>();
    register_services(server->server_);
    CC_RETURN_IF_ERROR(MakeParent(socket));
    CC_ASSIGN_OR_RETURN(server->listener_, cc::ListenUnix(socket));
    CC_ASSIGN_OR_RETURN(server->thread_, cc::Thread::Start("attestation", [self = server.get(), socket] {
                          const absl::Status status = self->server_.Serve(self->listener_.get());
                          if (!status.ok())
                            cc::log::Error("socket ends", {{"path", socket}, {"cause", status}});
                        }));
    return server;
  }
  ~BackgroundServer() { server_.Shutdown(); }

 private:
  cc::ttrpc::Server server_;
  cc::UniqueFd listener_;
  cc::Thread thread_;  // joined first
};

absl::StatusOr<std::unique_ptr<cc::datahub::RestServer>> StartRest(cc::datahub::Attestation& attestation,
                                                                   cc::datahub::RestFeatures features) {
  CC_ASSIGN_OR_RETURN(cc::UniqueFd listener, cc::ListenTcp(cc::datahub::kRestAddress));
  return cc::datahub::RestServer::Start(
      std::move(listener), [api = cc::datahub::RestApi(attestation, features)](
                               const cc::datahub::RestRequest& request) { return api.Handle(request); });
}

// The attestation agent's service, unless another process has its socket.
absl::StatusOr<std::unique_ptr<BackgroundServer>> StartAttestationAgent(
    const std::string& socket, cc::datahub::Attestation& attestation) {
  if (cc::ConnectUnix(socket).ok()) {
    cc::log::Info("another attestation agent serves its socket", {{"socket", socket}});
    return nullptr;
  }
  return BackgroundServer::Start(socket, [&attestation](cc::ttrpc::Server& agent) {
    cc::datahub::RegisterAttestationAgent(attestation, agent);
  });
}

// Serves until SIGTERM or SIGINT, which are blocked everywhere and taken here, so that calls end and clean
// up.
absl::Status ServeUntilSignal(cc::ttrpc::Server& server, const std::string& socket) {
  CC_RETURN_IF_ERROR(MakeParent(socket));
  CC_ASSIGN_OR_RETURN(const cc::UniqueFd listener, cc::ListenUnix(socket));
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  std::jthread waiter([&server, signals] {
    int signal = 0;
    sigwait(&signals, &signal);
    server.Shutdown();
  });
  cc::log::Info("ready", {{"socket", socket}});
  const absl::Status status = server.Serve(listener.get());
  ::pthread_kill(waiter.native_handle(), SIGTERM);  // when it was not a signal that ended the service
  return status;
}

absl::Status ServeDataHub(cc::datahub::Config config, cc::datahub::Attestation& attestation) {
  cc::attest::KbsKeyUnwrapper unwrapper(attestation);
  if (attestation.has_resources()) {
    config.image.decrypt = [&unwrapper](const cc::image::Descriptor& blob) {
      return cc::datahub::DecryptLayer(blob, unwrapper);
    };
  }
  config.image.settings = [&attestation, sources = std::move(config.image_sources)] {
    return cc::datahub::LoadPullSettings(sources, attestation);
  };
  CC_ASSIGN_OR_RETURN(std::unique_ptr<cc::image::Puller> puller,
                      cc::image::Puller::Create(std::move(config.image)));
  CC_ASSIGN_OR_RETURN(const auto watch, cc::datahub::MountWatch::Start([&puller] { puller->Sweep(); }));
  std::unique_ptr<cc::datahub::RestServer> rest;
  if (config.rest.any()) {
    CC_ASSIGN_OR_RETURN(rest, StartRest(attestation, config.rest));
  }
  cc::Thread credentials;
  if (!config.credentials.empty()) {
    CC_ASSIGN_OR_RETURN(credentials, cc::Thread::Start("credentials", [&attestation, &config] {
                          cc::datahub::StoreCredentials(config.credentials, attestation);
                        }));
  }
  cc::ttrpc::Server server;
  cc::datahub::RegisterServices(*puller, server);
  cc::datahub::RegisterSecretServices(attestation, config.unseal, server);
  return ServeUntilSignal(server, config.socket);
}

absl::Status Serve(const Flags& flags, VerdictPipe& verdict) {
  CC_ASSIGN_OR_RETURN(cc::datahub::Config config, Configure(flags));
  cc::log::Init({.level = config.log_level, .component = "datahub"});
  CC_RETURN_IF_ERROR(MakeParent(config.socket));
  // A guest without a network reaches everything through the host, over vsock.
  const std::string egress_path = std::filesystem::path(config.socket).replace_filename("egress.sock");
  CC_ASSIGN_OR_RETURN(const auto egress, cc::datahub::EgressProxy::Start(egress_path));
  config.attestation.egress_socket = [egress_path] {
    return cc::datahub::HasDefaultRoute() ? std::string() : egress_path;
  };
  // Images come as a node's do: from registries that the node reaches, whatever the pod's network allows. A
  // host that does not carry them leaves the pod's network.
  config.image.http.egress_socket = [egress_path] {
    if (!cc::datahub::HasDefaultRoute()) return egress_path;
    static const bool offered = cc::datahub::HostCarriesEgress();
    return offered ? egress_path : std::string();
  };
  cc::datahub::Attestation attestation(std::move(config.attestation));
  CC_ASSIGN_OR_RETURN(const cc::initdata::Binding binding, attestation.CheckInitData());
  CC_RETURN_IF_ERROR(verdict.Tell(binding));

  if (flags.role == Role::kAttestationAgent) {
    cc::ttrpc::Server server;
    cc::datahub::RegisterAttestationAgent(attestation, server);
    return ServeUntilSignal(server, config.attestation_agent_socket);
  }
  std::unique_ptr<BackgroundServer> attestation_agent;
  if (flags.role == Role::kAll) {
    CC_ASSIGN_OR_RETURN(attestation_agent,
                        StartAttestationAgent(config.attestation_agent_socket, attestation));
  }
  return ServeDataHub(std::move(config), attestation);
}

Role RoleOfName(std::string_view program) {
  const std::string name = std::filesystem::path(program).filename();
  if (name == "attestation-agent") return Role::kAttestationAgent;
  if (name == "confidential-data-hub") return Role::kDataHub;
  return Role::kAll;
}

// For the agent, which tells those who wait for an image.
void LeaveLastWords(const Flags& flags, const absl::Status& status) {
  const std::string socket =
      flags.socket.empty() ? std::string(cc::agent_proto::kDataHubSocket) : flags.socket;
  const absl::Status written = cc::WriteFileAtomic(cc::StrCat(socket, cc::agent_proto::kDataHubErrorSuffix),
                                                   cc::MessageOf(status), 0600);
  if (!written.ok()) cc::log::Warning("last words not written", {{"error", written}});
}

void AddOptions(CLI::App& app, Flags& flags) {
  app.add_option("--socket", flags.socket,
                 cc::StrCat("Unix socket of the data hub (", cc::agent_proto::kDataHubSocket, ")"));
  app.add_option(
      "--attestation_sock", flags.attestation_agent_socket,
      cc::StrCat("Unix socket of the attestation agent (", cc::agent_proto::kAttestationAgentSocket, ")"));
  app.add_option("--store", flags.store, "Directory of the image store (/run/confidential-containers/image)");
  app.add_option("-c,--config", flags.cdh_toml, "Configuration of the data hub (cdh.toml)")
      ->check(CLI::ExistingFile);
  app.add_option("--config_file", flags.aa_toml, "Configuration of the attestation agent (aa.toml)")
      ->check(CLI::ExistingFile);
  app.add_option("--initdata_toml", flags.init_data_toml, "Initdata that this guest was given")
      ->check(CLI::ExistingFile);
  app.add_option("--initdata_digest", flags.init_data_digest,
                 "Its digest, in base64, when the text is not known");
  app.add_option(std::string(cc::initdata::kVerdictOption), flags.verdict_fd,
                 "Descriptor on which the agent waits for what the initdata is worth");
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{
      "Confidential data hub and attestation agent: pulls images and fetches secrets inside the guest. Under "
      "the "
      "name attestation-agent or confidential-data-hub it is only that part."};
  app.footer("Example: cc-datahub --socket /tmp/cdh.sock --store /tmp/image --config /etc/cdh.toml");
  app.set_version_flag("--version", CC_VERSION);
  Flags flags{.role = RoleOfName(argv[0])};
  AddOptions(app, flags);
  CLI11_PARSE(app, argc, argv);

  umask(022);  // layers' implied directories and bundles are 0755
  signal(SIGPIPE, SIG_IGN);
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  cc::log::Init({.component = "datahub"});
  VerdictPipe verdict(flags.verdict_fd);
  const absl::Status status = Serve(flags, verdict);
  if (status.ok()) return 0;
  cc::log::Error("cc-datahub ends", {{"cause", status}});
  if (flags.role != Role::kAttestationAgent) LeaveLastWords(flags, status);
  verdict.Tell(status).IgnoreError();
  return 1;
}
