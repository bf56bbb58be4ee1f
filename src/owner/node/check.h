// SPDX-License-Identifier: Apache-2.0
// Is this node ready to run pods? Each question is a row, and each row that fails says what to do.
#ifndef CC_OWNER_NODE_CHECK_H_
#define CC_OWNER_NODE_CHECK_H_

#include <optional>
#include <string>
#include <vector>

#include "cca/realm/kvm_calls.h"
#include "vmm/qemu/accelerator.h"
#include "vmm/vmm.h"

namespace cc::node_check {

enum class State {
  kOk,
  kFailed,  // pods will not start
  kNote,    // works, but there is something to know
};

struct Row {
  std::string name;
  State state = State::kOk;
  std::string finding;
  std::string fix;  // of a row that failed
};

// What the configuration asks for, and where to look.
struct Input {
  vmm::VmSpec spec;              // as the configuration describes it
  std::string backend = "qemu";  // "kvm" is the native VMM
  std::string containerd_socket = "/run/containerd/containerd.sock";
  std::string runtime = "containerd-shim-cc-v2";
  std::string search_path;  // directories, separated by ':'
  std::string vhost_vsock = "/dev/vhost-vsock";
  std::string containerd_config = "/etc/containerd/config.toml";
  vmm::qemu::HostPaths host;
  std::string arch = vmm::qemu::HostArch();
  cca::realm::KvmCalls* kvm = nullptr;    // default: the kernel's
  std::optional<std::string> kernel_log;  // default: the kernel's
};

// Changes nothing; starts `qemu --version` and opens devices.
std::vector<Row> CheckNode(const Input& input);

bool AllUsable(const std::vector<Row>& rows);
std::string RowsJson(const std::vector<Row>& rows);
// `colour` writes terminal colours.
std::string RowsTable(const std::vector<Row>& rows, bool colour);

}  // namespace cc::node_check

#endif  // CC_OWNER_NODE_CHECK_H_
