// SPDX-License-Identifier: Apache-2.0
// cc-datahub: pulls images inside the guest, attests it and fetches its secrets. See --help.
#include <signal.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <thread>

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
#include "datahub/config.h"
#include "datahub/egress.h"
#include "datahub/layer_decryption.h"
#include "datahub/mount_watch.h"
#include "datahub/rest_api.h"
#include "datahub/rest_server.h"
#include "datahub/routes.h"
#include "datahub/secret_service.h"
#include "datahub/service.h"
#include "ttrpc/server.h"

namespace {

struct Flags {
  std::string socket, attestation_agent_socket, store, config;
};

absl::StatusOr<cc::datahub::Config> Configure(const Flags& flags) {
  cc::datahub::Config config = cc::datahub::DefaultConfig();
  if (!flags.config.empty()) {
    CC_ASSIGN_OR_RETURN(const std::string text, cc::ReadFile(flags.config));
    CC_RETURN_IF_ERROR(cc::datahub::ApplyToml(text, flags.config, &config));
  }
  CC_ASSIGN_OR_RETURN(const cc::datahub::KernelCmdline cmdline, cc::datahub::KernelCmdline::Read());
  CC_RETURN_IF_ERROR(cc::datahub::ApplyCmdline(cmdline, &config));
  if (!flags.socket.empty()) config.socket = flags.socket;
  if (!flags.attestation_agent_socket.empty()) {
    config.attestation_agent_socket = flags.attestation_agent_socket;
  }
  if (!flags.store.empty()) config.image.store = flags.store;
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

absl::Status Serve(const Flags& flags) {
  CC_ASSIGN_OR_RETURN(cc::datahub::Config config, Configure(flags));
  CC_RETURN_IF_ERROR(MakeParent(config.socket));
  // A guest without a network reaches registries through the host, over vsock.
  const std::string egress_path = std::filesystem::path(config.socket).replace_filename("egress.sock");
  CC_ASSIGN_OR_RETURN(const auto egress, cc::datahub::EgressProxy::Start(egress_path));
  const auto egress_socket = [egress_path] {
    return cc::datahub::HasDefaultRoute() ? std::string() : egress_path;
  };
  config.image.http.egress_socket = egress_socket;
  config.attestation.egress_socket = egress_socket;
  cc::datahub::Attestation attestation(std::move(config.attestation));
  cc::attest::KbsKeyUnwrapper unwrapper(attestation);
  if (attestation.has_resources()) {
    config.image.decrypt = [&unwrapper](const cc::image::Descriptor& blob) {
      return cc::datahub::DecryptLayer(blob, unwrapper);
    };
  }
  CC_ASSIGN_OR_RETURN(std::unique_ptr<cc::image::Puller> puller,
                      cc::image::Puller::Create(std::move(config.image)));
  CC_ASSIGN_OR_RETURN(const auto watch, cc::datahub::MountWatch::Start([&puller] { puller->Sweep(); }));

  cc::ttrpc::Server server;
  cc::datahub::RegisterServices(*puller, server);
  cc::datahub::RegisterSecretServices(attestation, {}, server);
  CC_ASSIGN_OR_RETURN(const cc::UniqueFd listener, cc::ListenUnix(config.socket));

  std::unique_ptr<BackgroundServer> attestation_agent;
  if (cc::ConnectUnix(config.attestation_agent_socket).ok()) {
    cc::log::Info("another attestation agent serves its socket",
                  {{"socket", config.attestation_agent_socket}});
  } else {
    CC_ASSIGN_OR_RETURN(
        attestation_agent,
        BackgroundServer::Start(config.attestation_agent_socket, [&attestation](cc::ttrpc::Server& agent) {
          cc::datahub::RegisterAttestationAgent(attestation, agent);
        }));
  }
  std::unique_ptr<cc::datahub::RestServer> rest;
  if (config.rest.any()) {
    CC_ASSIGN_OR_RETURN(rest, StartRest(attestation, config.rest));
  }

  // SIGTERM and SIGINT are blocked everywhere and taken here, so that pulls end and clean up.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  std::jthread waiter([&server, signals] {
    int signal = 0;
    sigwait(&signals, &signal);
    server.Shutdown();
  });
  cc::log::Info("ready", {{"socket", config.socket}});
  const absl::Status status = server.Serve(listener.get());
  ::pthread_kill(waiter.native_handle(), SIGTERM);  // when it was not a signal that ended the service
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{
      "Confidential data hub and attestation agent: pulls images and fetches secrets inside the guest"};
  app.footer(
      "Example: cc-datahub --socket /tmp/cdh.sock --store /tmp/image --config /etc/kata-cc/datahub.toml");
  app.set_version_flag("--version", CC_VERSION);
  Flags flags;
  app.add_option("--socket", flags.socket,
                 cc::StrCat("Unix socket to serve on (", cc::agent_proto::kDataHubSocket, ")"));
  app.add_option(
      "--attestation-socket", flags.attestation_agent_socket,
      cc::StrCat("Unix socket of the attestation agent (", cc::agent_proto::kAttestationAgentSocket, ")"));
  app.add_option("--store", flags.store, "Directory of the image store (/run/confidential-containers/image)");
  app.add_option("--config", flags.config, "Configuration file (TOML)")->check(CLI::ExistingFile);
  CLI11_PARSE(app, argc, argv);

  umask(022);  // layers' implied directories and bundles are 0755
  signal(SIGPIPE, SIG_IGN);
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  cc::log::Init({.component = "datahub"});
  const absl::Status status = Serve(flags);
  if (status.ok()) return 0;
  cc::log::Error("cc-datahub ends", {{"cause", status}});
  return 1;
}
