// SPDX-License-Identifier: Apache-2.0
#include "owner/node/check.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/process.h"
#include "base/socket.h"
#include "base/status.h"
#include "base/strings.h"
#include "owner/node/realm_rows.h"
#include "vmm/qemu/command_line.h"

namespace cc::node_check {
namespace {

Row Ok(std::string name, std::string finding) {
  return {std::move(name), State::kOk, std::move(finding), ""};
}
Row Failed(std::string name, std::string_view finding, std::string fix) {
  return {std::move(name), State::kFailed, std::string(finding), std::move(fix)};
}
Row Note(std::string name, std::string_view finding) {
  return {std::move(name), State::kNote, std::string(finding), ""};
}

Row CheckAccelerator(const Input& input) {
  const absl::Status usable = vmm::qemu::CheckKvm(input.spec.arch, input.host);
  if (usable.ok()) return Ok("kvm", StrCat("boots ", input.spec.arch, " guests"));
  if (input.spec.accel == vmm::Accel::kKvm) {
    return Failed("kvm", MessageOf(usable), "set accel = \"auto\" to run emulated where KVM does not work");
  }
  return Note("kvm", StrCat(MessageOf(usable), "; guests run emulated, which is slow"));
}

Row CheckQemu(const Input& input) {
  const std::string binary =
      input.spec.binary.empty() ? vmm::qemu::DefaultBinary(input.spec.arch) : input.spec.binary;
  const absl::StatusOr<Output> version = Run({.argv = {binary, "--version"}});
  if (version.ok() && version->exit.Status() == 0) {
    return Ok("qemu", std::string(SplitOnce(version->out, '\n').first));
  }
  const std::string package = input.spec.arch == "aarch64" ? "qemu-system-arm" : "qemu-system-x86";
  return Failed("qemu",
                version.ok() ? StrCat(binary, " --version fails") : std::string(MessageOf(version.status())),
                StrCat("apt install ", package, ", or set vmm.binary in the configuration"));
}

Row CheckFile(const std::string& name, const std::string& path, const std::string& key) {
  const absl::StatusOr<UniqueFd> file = OpenFile(path, O_RDONLY);
  struct stat info {};
  if (file.ok() && ::fstat(file->get(), &info) == 0 && S_ISREG(info.st_mode) && info.st_size > 0) {
    return Ok(name, StrCat(path, " (", (info.st_size + (1 << 20) - 1) >> 20, " MiB)"));
  }
  return Failed(name,
                file.ok() ? StrCat(path, " is empty or no file") : std::string(MessageOf(file.status())),
                StrCat("install the guest image, or set ", key, " in the configuration"));
}

Row CheckContainerd(const Input& input) {
  const absl::StatusOr<UniqueFd> socket = ConnectUnix(input.containerd_socket);
  if (socket.ok()) return Ok("containerd", StrCat(input.containerd_socket, " accepts connections"));
  return Failed("containerd", MessageOf(socket.status()),
                absl::IsPermissionDenied(socket.status())
                    ? "run this as root"
                    : "apt install containerd && systemctl start containerd");
}

Row CheckRuntime(const Input& input) {
  for (const std::string_view directory : StrSplit(input.search_path, ':')) {
    const std::string path = StrCat(directory, "/", input.runtime);
    if (!directory.empty() && ::access(path.c_str(), X_OK) == 0) return Ok("runtime", path);
  }
  return Failed("runtime", StrCat(input.runtime, " is in no directory of PATH"),
                StrCat("install kata-cc, or copy ", input.runtime, " to /usr/local/bin"));
}

Row CheckVsock(const Input& input) {
  const bool present = ::access(input.vhost_vsock.c_str(), F_OK) == 0;
  return Ok("vhost-vsock", present ? "present, not needed: the vsock device is our own"
                                   : "absent, not needed: the vsock device is our own");
}

// `ctr` and `nerdctl` find a runtime by its name alone; Kubernetes does not.
Row CheckContainerdConfig(const Input& input) {
  const std::string name = "containerd config";
  const absl::StatusOr<std::string> text = ReadFile(input.containerd_config, 1 << 20);
  if (text.ok() && text->find("io.containerd.cc.v2") != std::string::npos) {
    return Ok(name, StrCat(input.containerd_config, " knows the runtime io.containerd.cc.v2"));
  }
  return Note(name, StrCat(input.containerd_config,
                           text.ok() ? " does not name the runtime io.containerd.cc.v2" : " cannot be read",
                           ": ctr and nerdctl need no entry, Kubernetes does"));
}

std::string_view StateName(State state) {
  if (state == State::kOk) return "ok";
  return state == State::kNote ? "note" : "failed";
}

}  // namespace

std::vector<Row> CheckNode(const Input& input) {
  std::vector<Row> rows = {CheckAccelerator(input)};
  if (input.backend == "qemu") rows.push_back(CheckQemu(input));
  rows.push_back(CheckFile("kernel", input.spec.kernel, "vmm.kernel"));
  rows.push_back(CheckFile("initramfs", input.spec.initramfs, "vmm.initramfs"));
  rows.push_back(CheckContainerd(input));
  rows.push_back(CheckContainerdConfig(input));
  rows.push_back(CheckRuntime(input));
  rows.push_back(CheckVsock(input));
  std::vector<Row> realm = CheckRealm(input);
  rows.insert(rows.end(), std::make_move_iterator(realm.begin()), std::make_move_iterator(realm.end()));
  return rows;
}

bool AllUsable(const std::vector<Row>& rows) {
  return std::none_of(rows.begin(), rows.end(), [](const Row& row) { return row.state == State::kFailed; });
}

std::string RowsJson(const std::vector<Row>& rows) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const Row& row : rows) {
    nlohmann::ordered_json entry = {
        {"name", row.name}, {"state", StateName(row.state)}, {"finding", row.finding}};
    if (!row.fix.empty()) entry["fix"] = row.fix;
    list.push_back(std::move(entry));
  }
  return nlohmann::ordered_json{{"usable", AllUsable(rows)}, {"checks", list}}.dump(
      2, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string RowsTable(const std::vector<Row>& rows, bool colour) {
  size_t width = 0;
  for (const Row& row : rows) width = std::max(width, row.name.size());
  std::string out;
  for (const Row& row : rows) {
    std::string name = row.name;
    name.resize(width, ' ');
    std::string state(StateName(row.state));
    state.resize(6, ' ');
    if (colour) {
      const char* code = row.state == State::kOk ? "32" : row.state == State::kNote ? "33" : "31";
      state = StrCat("\x1b[", code, "m", state, "\x1b[0m");
    }
    StrAppend(&out, name, "  ", state, "  ", row.finding, "\n");
    if (!row.fix.empty()) StrAppend(&out, std::string(width + 10, ' '), "fix: ", row.fix, "\n");
  }
  return out;
}

}  // namespace cc::node_check
