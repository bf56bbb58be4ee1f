// SPDX-License-Identifier: Apache-2.0
#include "shim/bundle.h"

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/socket.h"
#include "base/status.h"
#include "base/strings.h"
#include "base/unique_fd.h"
#include "shim/json_object.h"
#include "shim/sha256.h"

namespace cc::shim {
namespace {

constexpr size_t kMaxSpec = 16 << 20;
constexpr char kRecordName[] = "/kata-cc.json";
constexpr std::chrono::seconds kKillTimeout{5};

std::string Find(const Annotations& annotations, std::initializer_list<const char*> keys) {
  for (const char* key : keys) {
    const auto it = annotations.find(key);
    if (it != annotations.end()) return it->second;
  }
  return {};
}

}  // namespace

Grouping GroupingOf(const std::string& id, const Annotations& annotations) {
  const std::string type =
      Find(annotations, {"io.kubernetes.cri.container-type", "io.kubernetes.cri-o.ContainerType"});
  const std::string sandbox =
      Find(annotations, {"io.kubernetes.cri.sandbox-id", "io.kubernetes.cri-o.SandboxID"});
  if (type == "sandbox") return {.kind = ContainerKind::kSandbox, .sandbox_id = id};
  if (type == "container" && !sandbox.empty()) return {.kind = ContainerKind::kMember, .sandbox_id = sandbox};
  return {.kind = ContainerKind::kSingle, .sandbox_id = id};
}

absl::StatusOr<std::string> ReadSpecText(const std::string& bundle) {
  absl::StatusOr<std::string> text = ReadFile(bundle + "/config.json", kMaxSpec);
  if (!text.ok()) return Annotate(text.status(), "read the container's specification");
  return text;
}

absl::StatusOr<Annotations> ReadAnnotations(const std::string& spec_text) {
  JsonDocument document(spec_text, "config.json");
  Annotations annotations = document.root().StringMap("annotations");
  CC_RETURN_IF_ERROR(document.status());
  return annotations;
}

absl::StatusOr<ProcessId> ProcessId::Of(pid_t pid) {
  CC_ASSIGN_OR_RETURN(const std::string stat, ReadFile(StrCat("/proc/", pid, "/stat"), 4096));
  // The command name may hold anything, so count from its closing parenthesis: field 3 follows.
  const size_t end = stat.rfind(')');
  const std::vector<std::string_view> fields =
      StrSplit(end == std::string::npos ? std::string_view() : std::string_view(stat).substr(end + 1), ' ');
  constexpr size_t kStartTime = 22 - 3 + 1;
  ProcessId id{.pid = pid, .start_ticks = 0};
  if (fields.size() <= kStartTime || !ParseNumber(fields[kStartTime], &id.start_ticks)) {
    return absl::InternalError(StrCat("/proc/", pid, "/stat has an unknown form"));
  }
  return id;
}

absl::Status ProcessId::Kill() const {
  if (pid <= 1) return absl::OkStatus();
  UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd) return errno == ESRCH ? absl::OkStatus() : ErrnoStatus(errno, StrCat("open process ", pid));
  // Compared after the pidfd is open: from here on it names one process only.
  absl::StatusOr<ProcessId> now = Of(pid);
  if (!now.ok() || now->start_ticks != start_ticks) return absl::OkStatus();
  if (::syscall(SYS_pidfd_send_signal, pidfd.get(), SIGKILL, nullptr, 0) != 0) {
    return errno == ESRCH ? absl::OkStatus() : ErrnoStatus(errno, StrCat("kill process ", pid));
  }
  return Annotate(WaitReadable(pidfd.get(), kKillTimeout), StrCat("wait for the end of process ", pid));
}

absl::Status SandboxRecord::Save(const std::string& bundle) const {
  const nlohmann::json json{{"shim_pid", shim.pid},
                            {"shim_start", shim.start_ticks},
                            {"vm_pid", vm.pid},
                            {"vm_start", vm.start_ticks},
                            {"state_dir", state_dir},
                            {"network_namespace", network_namespace},
                            {"network_identity", network_identity}};
  return WriteFileAtomic(bundle + kRecordName,
                         json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace), 0600);
}

absl::StatusOr<SandboxRecord> SandboxRecord::Load(const std::string& bundle) {
  CC_ASSIGN_OR_RETURN(const std::string text, ReadFile(bundle + kRecordName, 1 << 16));
  JsonDocument document(text, "kata-cc.json");
  const JsonObject root = document.root();
  SandboxRecord record;
  record.shim = {.pid = static_cast<pid_t>(root.Unsigned32("shim_pid")),
                 .start_ticks = root.Unsigned("shim_start")};
  record.vm = {.pid = static_cast<pid_t>(root.Unsigned32("vm_pid")),
               .start_ticks = root.Unsigned("vm_start")};
  record.state_dir = root.Text("state_dir");
  record.network_namespace = root.Text("network_namespace");
  record.network_identity = root.Text("network_identity");
  CC_RETURN_IF_ERROR(document.status());
  return record;
}

void SandboxRecord::Remove(const std::string& bundle) { ::unlink((bundle + kRecordName).c_str()); }

std::string SandboxDirName(const std::string& namespace_name, const std::string& id) {
  return StrCat(id.substr(0, 20), "-", Sha256Hex(StrCat(namespace_name, "/", id)).substr(0, 10));
}

}  // namespace cc::shim
