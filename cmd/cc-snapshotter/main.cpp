// SPDX-License-Identifier: Apache-2.0
// cc-snapshotter: containerd's snapshots service for images that are pulled inside the guest. The node
// neither downloads nor unpacks their layers.
#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <string>

#include "base/log.h"
#include "base/status.h"
#include "snapshotter/config.h"
#include "snapshotter/grpc_service.h"
#include "snapshotter/listener.h"
#include "snapshotter/notify.h"
#include "snapshotter/server.h"
#include "snapshotter/snapshotter.h"

namespace {

using cc::snapshotter::Config;

cc::log::Level LevelOf(const std::string& name) {
  if (name == "debug") return cc::log::Level::kDebug;
  if (name == "warning") return cc::log::Level::kWarning;
  return name == "error" ? cc::log::Level::kError : cc::log::Level::kInfo;
}

absl::Status Serve(const Config& config) {
  CC_RETURN_IF_ERROR(config.Check());
  cc::log::Init({.level = LevelOf(config.log.level),
                 .format = config.log.format == "json" ? cc::log::Format::kJson : cc::log::Format::kText,
                 .component = "snapshotter"});
  // Blocked before any thread starts, so that only sigwait sees them.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  CC_ASSIGN_OR_RETURN(const auto snapshotter, cc::snapshotter::Snapshotter::Open(config.root));
  cc::snapshotter::GrpcService service(*snapshotter);
  CC_ASSIGN_OR_RETURN(cc::snapshotter::Listener listener, cc::snapshotter::Listener::Open(config.address));
  const bool inherited = listener.inherited();
  CC_ASSIGN_OR_RETURN(const auto server, cc::snapshotter::Server::Start(std::move(listener), service));
  cc::log::Info(
      "serving",
      {{"address", config.address}, {"root", config.root}, {"socket", inherited ? "inherited" : "made"}});
  CC_RETURN_IF_ERROR(cc::snapshotter::NotifySystemd("READY=1"));
  int signal = 0;
  sigwait(&signals, &signal);
  cc::log::Info("stopping", {{"signal", signal}});
  server->Stop();
  return absl::OkStatus();
}

absl::StatusOr<Config> ReadConfig(const std::string& path) {
  if (!path.empty()) return Config::Load(path);
  if (::access(cc::snapshotter::kDefaultConfigPath, F_OK) != 0) return Config();
  return Config::Load(cc::snapshotter::kDefaultConfigPath);
}

}  // namespace

int main(int argc, char** argv) {
  std::string config_path;
  std::string root;
  std::string address;
  CLI::App app("containerd snapshotter for images that are pulled inside the guest");
  app.set_version_flag("--version", CC_VERSION);
  app.add_option("--config", config_path, "TOML file; default /etc/kata-cc/snapshotter.toml if it exists");
  app.add_option("--root", root, "directory of the metadata, over the file's");
  app.add_option("--address", address, "path of the gRPC socket, over the file's");
  app.footer(
      "Example: cc-snapshotter --root /var/lib/cc-snapshotter --address "
      "/run/cc-snapshotter/cc-snapshotter.sock\n"
      "containerd is pointed to the socket as a proxy plugin; see docs/how-to/snapshotter.md.\n"
      "Exit codes: 0 ended by SIGTERM or SIGINT, 1 could not serve, 100 and more: wrong usage");
  CLI11_PARSE(app, argc, argv);

  absl::StatusOr<Config> config = ReadConfig(config_path);
  absl::Status status = config.status();
  if (config.ok()) {
    if (!root.empty()) config->root = root;
    if (!address.empty()) config->address = address;
    status = Serve(*config);
  }
  if (!status.ok()) std::cerr << "cc-snapshotter: " << status.message() << std::endl;
  return status.ok() ? 0 : 1;
}
