// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>

#include "base/file.h"
#include "base/status.h"
#include "base/strings.h"
#include "cca/realm/probe.h"
#include "command.h"
#include "jose/base64.h"
#include "jose/digest.h"
#include "node_config.h"
#include "owner/node/check.h"
#include "owner/node/token_rows.h"
#include "vmm/kvm/kvm_vmm.h"
#include "vmm/kvm/machine/machine.h"
#include "vmm/kvm/machine/prediction.h"

namespace cc::ccctl {
namespace {

using Clock = std::chrono::steady_clock;

// What the trial guest (packaging/cca-smoke/init) prints when it has the token.
constexpr std::string_view kTokenLine = "cc-realm-token: ";
constexpr size_t kChallengeSize = 64;
constexpr size_t kMaxLine = 1 << 16;

struct Flags {
  std::string config;
  uint32_t timeout_s = 300;
  bool json = false;
};

absl::StatusOr<std::vector<vmm::kvm::RimByRmm>> PredictRims(const vmm::VmSpec& spec,
                                                            const cca::GenerationAbi& abi) {
  CC_ASSIGN_OR_RETURN(vmm::kvm::GuestFiles files, vmm::kvm::MapGuestFiles(spec));
  CC_ASSIGN_OR_RETURN(const vmm::kvm::Machine machine, vmm::kvm::DescribeMachine(spec, std::move(files)));
  return vmm::kvm::PredictRimsOf(machine, abi);
}

std::string NumberOf(cca::RmmVersion version) { return version == cca::RmmVersion::k1_0 ? "1.0" : "2.0"; }

// Lines of the guest's console, until the one with the token.
absl::StatusOr<std::string> WaitForToken(int console, Clock::time_point deadline) {
  std::string input;
  while (true) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd wait = {.fd = console, .events = POLLIN, .revents = 0};
    const int ready = left > 0 ? ::poll(&wait, 1, static_cast<int>(left)) : 0;
    if (ready == 0) return absl::DeadlineExceededError("the guest printed no token in time; see --timeout");
    char buffer[4096];
    CC_ASSIGN_OR_RETURN(const size_t got, ReadSome(console, buffer));
    if (got == 0) return absl::UnavailableError("the guest ended before it printed a token");
    input.append(buffer, got);
    for (size_t end; (end = input.find('\n')) != std::string::npos; input.erase(0, end + 1)) {
      const std::string_view line = StrTrim(std::string_view(input).substr(0, end));
      if (line.starts_with(kTokenLine)) return jose::Base64Decode(line.substr(kTokenLine.size()));
      std::fprintf(stderr, "guest| %.*s\n", static_cast<int>(line.size()), line.data());
    }
    if (input.size() > kMaxLine) return absl::InvalidArgumentError("the guest prints a line without end");
  }
}

absl::StatusOr<std::string> RunGuest(vmm::VmSpec spec, std::chrono::seconds timeout) {
  CC_ASSIGN_OR_RETURN(const TempDir dir, TempDir::Create("/tmp/cc-realm-try-"));
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return ErrnoStatus(errno, "create a pipe");
  const UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  spec.id = "realm-try";
  spec.state_dir = dir.path();
  spec.console_fd = writer.get();
  vmm::kvm::KvmVmm vmm;
  CC_ASSIGN_OR_RETURN(const std::unique_ptr<vmm::Vm> vm, vmm.Create(spec));
  CC_RETURN_IF_ERROR(vm->Start());
  writer.reset();
  absl::StatusOr<std::string> token = WaitForToken(reader.get(), Clock::now() + timeout);
  vm->Stop();
  if (!token.ok()) return Annotate(token.status(), vm->Wait());
  return token;
}

absl::Status Try(const Flags& flags, Outcome& outcome) {
  CC_ASSIGN_OR_RETURN(const NodeConfig config, ReadNodeConfig(flags.config));
  vmm::VmSpec spec = config.spec;
  spec.tee = vmm::Tee::kCca;
  const std::string challenge = jose::RandomBytes(kChallengeSize);
  spec.cmdline.push_back(StrCat("cc.challenge=", jose::ToHex(challenge)));

  cca::realm::ProbeRequest request;
  request.page_size = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  const cca::realm::RealmSupport support = cca::realm::ProbeRealm(cca::realm::RealKvm(), request);
  std::vector<node_check::Row> rows = {
      {"realm", support.usable() ? node_check::State::kOk : node_check::State::kFailed, support.finding,
       support.fix}};
  if (support.usable()) {
    // A value of this very run, where the ABI takes one.
    if (support.abi->config) {
      const std::string rpv = jose::RandomBytes(spec.realm.rpv.size());
      std::copy(rpv.begin(), rpv.end(), spec.realm.rpv.begin());
    }
    CC_ASSIGN_OR_RETURN(const auto rims, PredictRims(spec, *support.abi));
    rows.push_back({"predicted measurement", node_check::State::kOk,
                    StrCat(jose::ToHex(rims[0].rim), " (RMM ", NumberOf(rims[0].rmm), ")"), ""});
    CC_ASSIGN_OR_RETURN(const std::string token, RunGuest(spec, std::chrono::seconds(flags.timeout_s)));
    const std::vector<node_check::Row> compared = node_check::CompareToken(
        token, {rims[0].rim, std::string(spec.realm.rpv.begin(), spec.realm.rpv.end()), challenge,
                rims[1].rim, NumberOf(rims[1].rmm)});
    rows.insert(rows.end(), compared.begin(), compared.end());
  }
  Print(flags.json ? StrCat(node_check::RowsJson(rows), "\n")
                   : node_check::RowsTable(rows, ::isatty(STDOUT_FILENO) == 1));
  if (!node_check::AllUsable(rows)) outcome.exit_code = kExitNotUsable;
  return absl::OkStatus();
}

}  // namespace

void AddRealm(CLI::App& app, Outcome& outcome) {
  CLI::App* realm = app.add_subcommand("realm", "Arm CCA Realms on this machine");
  realm->require_subcommand(1);
  realm->footer("Example: ccctl realm try --config config.toml");
  CLI::App* attempt = realm->add_subcommand("try",
                                            "Starts a Realm that attests, and compares "
                                            "its token with what was predicted");
  attempt->footer(
      "The guest of the configuration must print its token (see "
      "docs/how-to/cca-smoke.md).\n"
      "Example: ccctl realm try --config config.toml\n"
      "Exit codes: 0 all as predicted, 1 the trial itself failed, "
      "2 no Realms here, or a value differs");
  const auto flags = std::make_shared<Flags>();
  attempt->add_option("--config", flags->config, "The shim's configuration (/etc/kata-cc/config.toml)");
  attempt->add_option("--timeout", flags->timeout_s, "Seconds until the guest must have its token")
      ->capture_default_str();
  attempt->add_flag("--json", flags->json, "Print JSON");
  OnRun(attempt, outcome, [flags, &outcome] { return Try(*flags, outcome); });
}

}  // namespace cc::ccctl
