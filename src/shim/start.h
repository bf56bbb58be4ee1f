// SPDX-License-Identifier: Apache-2.0
// The `start` command: finds or makes the pod's shim, answers with its address. Nothing slow happens before
// the answer: no configuration, no VM, one fork and no exec.
#ifndef CC_SHIM_START_H_
#define CC_SHIM_START_H_

#include <functional>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "base/unique_fd.h"
#include "google/protobuf/any.pb.h"
#include "shim/bootstrap.h"
#include "shim/flags.h"

namespace cc::shim {

// What the daemon inherits from `start`.
struct DaemonOptions {
  std::string namespace_name;
  std::string id;  // of the sandbox
  std::string grpc_address;
  std::string ttrpc_address;
  std::string socket_path;  // removed when the daemon ends
  bool debug = false;
  std::optional<google::protobuf::Any> options;
};

// Runs in the forked child until the daemon's end; returns its exit code.
using DaemonMain = std::function<int(const DaemonOptions& options, UniqueFd listener)>;

// The current directory is the bundle. Returns what must be printed. AlreadyExists when a shim of that id
// answers on its socket, NotFound when a pod's member has no sandbox to join. Call it while single-threaded.
absl::StatusOr<std::string> Start(const Flags& flags, const Bootstrap& bootstrap, const DaemonMain& daemon);

}  // namespace cc::shim

#endif  // CC_SHIM_START_H_
