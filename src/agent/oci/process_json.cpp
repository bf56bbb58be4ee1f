// SPDX-License-Identifier: Apache-2.0
#include "agent/oci/process_json.h"

#include <nlohmann/json.hpp>

namespace cc::agent {
namespace {

using nlohmann::json;

template <typename Repeated>
json Strings(const Repeated& values) {
  json out = json::array();
  for (const std::string& value : values) out.push_back(value);
  return out;
}

json UserJson(const grpc::User& user) {
  json out = {{"uid", user.uid()}, {"gid", user.gid()}};
  for (uint32_t gid : user.additionalgids()) out["additionalGids"].push_back(gid);
  return out;
}

json CapabilitiesJson(const grpc::LinuxCapabilities& capabilities) {
  return {{"bounding", Strings(capabilities.bounding())},
          {"effective", Strings(capabilities.effective())},
          {"inheritable", Strings(capabilities.inheritable())},
          {"permitted", Strings(capabilities.permitted())},
          {"ambient", Strings(capabilities.ambient())}};
}

}  // namespace

json ProcessJson(const grpc::Process& process) {
  json out = {{"terminal", process.terminal()},
              {"user", UserJson(process.user())},
              {"args", Strings(process.args())},
              {"env", Strings(process.env())},
              {"cwd", process.cwd().empty() ? "/" : process.cwd()},
              {"noNewPrivileges", process.nonewprivileges()}};
  if (process.has_consolesize() && process.terminal()) {
    out["consoleSize"] = {{"height", process.consolesize().height()},
                          {"width", process.consolesize().width()}};
  }
  if (process.has_capabilities()) out["capabilities"] = CapabilitiesJson(process.capabilities());
  for (const grpc::POSIXRlimit& limit : process.rlimits()) {
    out["rlimits"].push_back({{"type", limit.type()}, {"hard", limit.hard()}, {"soft", limit.soft()}});
  }
  if (process.oomscoreadj() != 0) out["oomScoreAdj"] = process.oomscoreadj();
  return out;
}

std::string JsonText(const json& value) { return value.dump(-1, ' ', false, json::error_handler_t::replace); }

std::string ProcessText(const grpc::Process& process) { return JsonText(ProcessJson(process)); }

}  // namespace cc::agent
