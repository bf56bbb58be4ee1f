// SPDX-License-Identifier: Apache-2.0
#include "agent/oci/image_process.h"

#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/strings.h"

namespace cc::agent {
namespace {

using nlohmann::json;
using Strings = std::vector<std::string>;

grpc::Process Parse(const json& image) {
  grpc::Process out;
  for (std::string& arg : image.value("args", Strings())) out.add_args(std::move(arg));
  for (std::string& entry : image.value("env", Strings())) out.add_env(std::move(entry));
  out.set_cwd(image.value("cwd", "/"));
  if (image.contains("user")) {
    const json& user = image.at("user");
    out.mutable_user()->set_uid(user.value("uid", 0U));
    out.mutable_user()->set_gid(user.value("gid", 0U));
    for (uint32_t gid : user.value("additionalGids", std::vector<uint32_t>())) {
      out.mutable_user()->add_additionalgids(gid);
    }
  }
  return out;
}

}  // namespace

void FillProcess(const grpc::Process& defaults, grpc::Process* process) {
  if (process->args().empty()) *process->mutable_args() = defaults.args();
  if (process->cwd().empty()) process->set_cwd(defaults.cwd());
  std::set<std::string, std::less<>> names;
  for (const std::string& entry : process->env()) names.emplace(SplitOnce(entry, '=').first);
  for (const std::string& entry : defaults.env()) {
    if (names.emplace(SplitOnce(entry, '=').first).second) process->add_env(entry);
  }
  if (!process->has_user() && defaults.has_user()) *process->mutable_user() = defaults.user();
}

absl::Status MergeImageProcess(std::string_view config, grpc::Process* process) {
  // The only place where nlohmann-json's exceptions about this document are caught.
  try {
    const json root = json::parse(config);
    if (root.contains("process")) FillProcess(Parse(root.at("process")), process);
  } catch (const json::exception& error) {
    return absl::InvalidArgumentError(StrCat("the image's config.json: ", error.what()));
  }
  if (process->args().empty()) {
    return absl::InvalidArgumentError(
        "nothing to run: the image has no entry point and no command, and none was given");
  }
  return absl::OkStatus();
}

}  // namespace cc::agent
