// SPDX-License-Identifier: Apache-2.0
#include "shim/bootstrap.h"

#include <cstdint>
#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "containerd/bootstrap.pb.h"
#include "containerd/types.pb.h"
#include "shim/sha256.h"

namespace cc::shim {
namespace {

constexpr char kDefaultSocketDir[] = "/run/containerd/s";
constexpr int32_t kShimVersion = 3;  // containerd.task.v3
constexpr char kProtocol[] = "ttrpc";

namespace api = containerd::runtime::bootstrap::v1;

}  // namespace

absl::StatusOr<Bootstrap> ParseBootstrap(std::string_view input, const Flags& flags,
                                         const BootstrapEnvironment& environment) {
  Bootstrap result;
  result.grpc_address = flags.address.empty() ? environment.grpc_address : flags.address;
  result.ttrpc_address = environment.ttrpc_address;
  result.socket_dir = kDefaultSocketDir;
  result.debug = flags.debug;
  uint32_t max_version = 0;
  if (ParseNumber(environment.max_shim_version, &max_version) && max_version >= 3) {
    result.reply = ReplyForm::kJson;
  }
  if (input.empty()) return result;

  // An Any and bootstrap parameters both begin with a string; only the latter's is the id. Options must not
  // be tried as parameters: containerd takes what protobuf prints of bytes that are no UTF-8 for a part of
  // the address.
  const int size = static_cast<int>(input.size());
  google::protobuf::Any options;
  if (!options.ParseFromArray(input.data(), size)) {
    return absl::InvalidArgumentError(
        "stdin of start is neither runtime options nor bootstrap parameters for this id");
  }
  api::BootstrapParams params;
  if (options.type_url() == flags.id && params.ParseFromArray(input.data(), size) &&
      params.namespace_() == flags.namespace_name) {
    result.reply = ReplyForm::kProtobuf;
    if (!params.containerd_grpc_address().empty()) result.grpc_address = params.containerd_grpc_address();
    if (!params.containerd_ttrpc_address().empty()) result.ttrpc_address = params.containerd_ttrpc_address();
    if (!params.socket_dir().empty()) result.socket_dir = params.socket_dir();
    result.debug = result.debug || params.log_level() <= api::LOG_LEVEL_DEBUG;
    if (params.extensions_size() > 0) result.options = params.extensions(0).value();
    return result;
  }
  result.options = std::move(options);
  return result;
}

std::string FormatReply(ReplyForm form, std::string_view address) {
  switch (form) {
    case ReplyForm::kAddressLine:
      return std::string(address);
    case ReplyForm::kJson:
      return nlohmann::json{{"version", kShimVersion}, {"address", address}, {"protocol", kProtocol}}.dump();
    case ReplyForm::kProtobuf: {
      api::BootstrapResult result;
      result.set_version(kShimVersion);
      result.set_address(address.data(), address.size());
      result.set_protocol(kProtocol);
      return result.SerializeAsString();
    }
  }
  return {};
}

std::string SocketPath(const std::string& socket_dir, std::string_view containerd_address,
                       std::string_view namespace_name, std::string_view id) {
  return StrCat(socket_dir, "/", Sha256Hex(StrCat(containerd_address, "/", namespace_name, "/", id)));
}

std::string RuntimeInfo() {
  containerd::types::RuntimeInfo info;
  info.set_name("io.containerd.cc.v2");
  info.mutable_version()->set_version(CC_VERSION);
  return info.SerializeAsString();
}

}  // namespace cc::shim
