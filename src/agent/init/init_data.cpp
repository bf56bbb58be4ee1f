// SPDX-License-Identifier: Apache-2.0
#include "agent/init/init_data.h"

#include <fcntl.h>

#include <algorithm>
#include <filesystem>

#include "base/file.h"
#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "initdata/carrier.h"
#include "initdata/initdata.h"

namespace cc::agent {
namespace {

// virtio 1.2, section 5: device id of a block device.
constexpr std::string_view kBlockDevice = "0x0002";

std::vector<std::string> NamesIn(const std::string& directory) {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    names.push_back(entry.path().filename());
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

bool HasVirtioDisk(const std::string& devices) {
  for (const std::string& name : NamesIn(devices)) {
    const absl::StatusOr<std::string> id = ReadFile(StrCat(devices, "/", name, "/device"), 64);
    if (id.ok() && StrTrim(*id) == kBlockDevice) return true;
  }
  return false;
}

absl::StatusOr<std::optional<std::string>> FindInitData(const std::string& blocks, const std::string& nodes) {
  for (const std::string& name : NamesIn(blocks)) {
    if (!name.starts_with("vd")) continue;
    CC_ASSIGN_OR_RETURN(const UniqueFd disk, OpenFile(StrCat(nodes, "/", name), O_RDONLY));
    absl::StatusOr<std::string> text = initdata::ReadDisk(disk.get());
    if (text.ok()) {
      log::Info("initdata found", {{"disk", name}, {"bytes", text->size()}});
      return std::optional<std::string>(*std::move(text));
    }
    if (!absl::IsNotFound(text.status())) return Annotate(text.status(), StrCat("disk ", name));
  }
  return std::optional<std::string>();
}

absl::StatusOr<InitDataFiles> LayOutInitData(const std::string& toml, const std::string& directory) {
  CC_ASSIGN_OR_RETURN(const initdata::InitData parsed, initdata::Parse(toml));
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) return ErrnoStatus(error.value(), StrCat("make directory ", directory));
  InitDataFiles files{.policy = std::string(parsed.Find(initdata::kAgentPolicy))};
  const auto write = [&](std::string_view option, std::string_view name, std::string_view content) {
    if (content.empty()) return absl::OkStatus();
    const std::string path = StrCat(directory, "/", name);
    files.data_hub_arguments.insert(files.data_hub_arguments.end(), {std::string(option), path});
    return WriteFileAtomic(path, content, 0600);
  };
  CC_RETURN_IF_ERROR(write("--initdata_toml", "initdata.toml", toml));
  CC_RETURN_IF_ERROR(write("--config_file", initdata::kAttestationAgentConfig,
                           parsed.Find(initdata::kAttestationAgentConfig)));
  CC_RETURN_IF_ERROR(write("--config", initdata::kDataHubConfig, parsed.Find(initdata::kDataHubConfig)));
  return files;
}

}  // namespace cc::agent
