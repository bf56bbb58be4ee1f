// SPDX-License-Identifier: Apache-2.0
#include "image/runtime_spec.h"

#include <nlohmann/json.hpp>

#include "base/strings.h"

namespace cc::image {
namespace {

constexpr char kDefaultPath[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

// The default PATH, then the image's variables; of a name that comes twice the last value counts.
std::vector<std::string> Environment(const std::vector<std::string>& image) {
  std::vector<std::string> env{kDefaultPath};
  for (const std::string& variable : image) {
    const SplitPair parts = SplitOnce(variable, '=');
    if (!parts.found || parts.first.empty()) continue;
    bool replaced = false;
    for (std::string& present : env) {
      if (SplitOnce(present, '=').first != parts.first) continue;
      present = variable;
      replaced = true;
    }
    if (!replaced) env.push_back(variable);
  }
  return env;
}

}  // namespace

std::string RuntimeSpec(const ImageConfig& config, const ProcessUser& user) {
  std::vector<std::string> args = config.entrypoint;
  args.insert(args.end(), config.cmd.begin(), config.cmd.end());
  const nlohmann::json spec = {
      {"ociVersion", "1.0.2"},
      {"root", {{"path", "rootfs"}, {"readonly", false}}},
      {"process",
       {{"terminal", false},
        {"user", {{"uid", user.uid}, {"gid", user.gid}, {"additionalGids", user.additional_gids}}},
        {"args", args},
        {"env", Environment(config.env)},
        {"cwd", config.working_dir.empty() ? "/" : config.working_dir}}},
  };
  // Bytes that are not UTF-8 (Env may hold any) are replaced: JSON cannot carry them.
  return spec.dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace cc::image
