// SPDX-License-Identifier: Apache-2.0
// The command line that containerd gives a shim. It is Go's flag syntax (single dash, "-id x" or "-id=x",
// booleans without a value), which ordinary C++ parsers do not read.
#ifndef CC_SHIM_FLAGS_H_
#define CC_SHIM_FLAGS_H_

#include <span>
#include <string>

#include "absl/status/statusor.h"

namespace cc::shim {

struct Flags {
  bool debug = false;
  bool info = false;
  bool version = false;
  bool help = false;
  std::string namespace_name;
  std::string id;
  std::string address;         // containerd's gRPC socket
  std::string publish_binary;  // accepted and unused: events go to TTRPC_ADDRESS
  std::string bundle;
  std::string action;  // "start", "delete" or empty
};

// `args` without the program name. InvalidArgument names the flag that is unknown or lacks its value.
absl::StatusOr<Flags> ParseFlags(std::span<const char* const> args);

}  // namespace cc::shim

#endif  // CC_SHIM_FLAGS_H_
