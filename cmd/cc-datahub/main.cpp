// SPDX-License-Identifier: Apache-2.0
// cc-datahub: pulls images inside the guest. See --help.
#include <signal.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <string>
#include <thread>

#include "agent_proto/names.h"
#include "base/file.h"
#include "base/log.h"
#include "base/socket.h"
#include "base/status.h"
#include "base/strings.h"
#include "datahub/config.h"
#include "datahub/egress.h"
#include "datahub/mount_watch.h"
#include "datahub/routes.h"
#include "datahub/service.h"
#include "ttrpc/server.h"

namespace {

struct Flags {
  std::string socket, store, config;
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

absl::Status Serve(const Flags& flags) {
  CC_ASSIGN_OR_RETURN(cc::datahub::Config config, Configure(flags));
  CC_RETURN_IF_ERROR(MakeParent(config.socket));
  // A guest without a network reaches registries through the host, over vsock.
  const std::string egress_path = std::filesystem::path(config.socket).replace_filename("egress.sock");
  CC_ASSIGN_OR_RETURN(const auto egress, cc::datahub::EgressProxy::Start(egress_path));
  config.image.http.egress_socket = [egress_path] {
    return cc::datahub::HasDefaultRoute() ? std::string() : egress_path;
  };
  CC_ASSIGN_OR_RETURN(std::unique_ptr<cc::image::Puller> puller,
                      cc::image::Puller::Create(std::move(config.image)));
  CC_ASSIGN_OR_RETURN(const auto watch, cc::datahub::MountWatch::Start([&puller] { puller->Sweep(); }));

  cc::ttrpc::Server server;
  cc::datahub::RegisterServices(*puller, server);
  CC_ASSIGN_OR_RETURN(const cc::UniqueFd listener, cc::ListenUnix(config.socket));

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
  CLI::App app{"Confidential data hub: pulls and unpacks container images inside the guest"};
  app.footer(
      "Example: cc-datahub --socket /tmp/cdh.sock --store /tmp/image --config /etc/kata-cc/datahub.toml");
  app.set_version_flag("--version", CC_VERSION);
  Flags flags;
  app.add_option("--socket", flags.socket,
                 cc::StrCat("Unix socket to serve on (", cc::agent_proto::kDataHubSocket, ")"));
  app.add_option("--store", flags.store, "Directory of the image store (/run/kata-containers/image)");
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
