// SPDX-License-Identifier: Apache-2.0
// What passes between containerd and `start`: options or bootstrap parameters on stdin, the address on
// stdout, in the form that this containerd understands.
//
//   containerd <= 1.6          stdin: options   stdout: bare address line
//   containerd 1.7 - 2.2       stdin: options   stdout: bare line, or JSON when MAX_SHIM_VERSION >= 3
//   containerd >= 2.3          stdin: BootstrapParams   stdout: BootstrapResult
#ifndef CC_SHIM_BOOTSTRAP_H_
#define CC_SHIM_BOOTSTRAP_H_

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "google/protobuf/any.pb.h"
#include "shim/flags.h"

namespace cc::shim {

enum class ReplyForm { kAddressLine, kJson, kProtobuf };

struct Bootstrap {
  ReplyForm reply = ReplyForm::kAddressLine;
  std::string grpc_address;
  std::string ttrpc_address;  // empty: events go to the log
  std::string socket_dir;
  bool debug = false;
  std::optional<google::protobuf::Any> options;
};

// The part of the environment that matters, so that tests need none.
struct BootstrapEnvironment {
  std::string ttrpc_address;     // TTRPC_ADDRESS
  std::string grpc_address;      // GRPC_ADDRESS
  std::string max_shim_version;  // MAX_SHIM_VERSION
};

// Stdin is taken as BootstrapParams only if it names this id and namespace: old options can parse as such
// too.
absl::StatusOr<Bootstrap> ParseBootstrap(std::string_view input, const Flags& flags,
                                         const BootstrapEnvironment& environment);

// All that may go to stdout. `address` is "unix:///...".
std::string FormatReply(ReplyForm form, std::string_view address);

// <dir>/<sha256 of containerd's address, namespace and id>, as containerd's own helper names it.
std::string SocketPath(const std::string& socket_dir, std::string_view containerd_address,
                       std::string_view namespace_name, std::string_view id);

// Serialized containerd.types.RuntimeInfo for `-info`.
std::string RuntimeInfo();

}  // namespace cc::shim

#endif  // CC_SHIM_BOOTSTRAP_H_
