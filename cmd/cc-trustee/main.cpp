// SPDX-License-Identifier: Apache-2.0
// cc-trustee: the owner's trust service. It verifies evidence of guests and gives out keys to those that the
// owner's policies and reference values accept.
#include <signal.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <string>

#include "base/log.h"
#include "base/status.h"
#include "trustee/service.h"

namespace {

using cc::trustee::Config;
using cc::trustee::Service;

cc::log::Level LevelOf(const std::string& name) {
  if (name == "debug") return cc::log::Level::kDebug;
  if (name == "warning") return cc::log::Level::kWarning;
  return name == "error" ? cc::log::Level::kError : cc::log::Level::kInfo;
}

absl::Status Serve(const Config& config) {
  cc::log::Init({.level = LevelOf(config.log.level),
                 .format = config.log.format == "json" ? cc::log::Format::kJson : cc::log::Format::kText,
                 .component = "trustee"});
  // Blocked before any thread starts, so that only sigwait sees them.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  CC_ASSIGN_OR_RETURN(const std::unique_ptr<Service> service, Service::Start(config));
  cc::log::Info("serving", {{"address", service->address()},
                            {"attestation_grpc", service->faces().attestation_grpc},
                            {"attestation_rest", service->faces().attestation_rest},
                            {"reference_grpc", service->faces().reference_grpc},
                            {"data_dir", config.data_dir}});
  int signal = 0;
  sigwait(&signals, &signal);
  cc::log::Info("stopping", {{"signal", signal}});
  service->Stop();
  return absl::OkStatus();
}

}  // namespace

int main(int argc, char** argv) {
  std::string config_path;
  std::string listen;
  std::string data_dir;
  bool insecure_sample = false;
  unsigned token_minutes = 60;
  CLI::App app("Trust service: attests guests and releases keys to those that the owner endorsed");
  app.set_version_flag("--version", CC_VERSION);
  app.add_option("--config", config_path, "TOML file; without it: loopback, SQLite and generated keys");
  app.add_option("--listen", listen, "address:port, over the file's");
  app.add_option("--data-dir", data_dir, "database and keys, over the file's");
  app.add_flag("--insecure-sample", insecure_sample, "accept evidence that proves nothing (development)");
  app.footer(
      "Example: cc-trustee --data-dir ~/trustee\n"
      "         cc-trustee admin-token --data-dir ~/trustee   prints a bearer token for administration\n"
      "Exit codes: 0 ended by SIGTERM or SIGINT, 1 could not serve, 100 and more: wrong usage");
  CLI::App* token = app.add_subcommand("admin-token", "Print a token of the generated administrator key");
  token->add_option("--data-dir", data_dir, "where admin.key is");
  token->add_option("--minutes", token_minutes, "how long it is valid")->capture_default_str();
  CLI11_PARSE(app, argc, argv);

  absl::StatusOr<Config> config = config_path.empty() ? Config::Embedded() : Config::Load(config_path);
  absl::Status status = config.status();
  if (config.ok()) {
    if (!listen.empty()) config->listen = listen;
    if (!data_dir.empty()) config->data_dir = data_dir;
    if (insecure_sample) config->verifier.insecure_sample = true;
    if (token->parsed()) {
      const absl::StatusOr<std::string> text =
          cc::trustee::GeneratedAdminToken(config->data_dir, int64_t{token_minutes} * 60);
      status = text.status();
      if (text.ok()) std::cout << *text << "\n";
    } else {
      status = Serve(*config);
    }
  }
  if (!status.ok()) std::cerr << "cc-trustee: " << status.message() << std::endl;
  return status.ok() ? 0 : 1;
}
