// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/mounts.h"

#include <absl/strings/escaping.h>

#include <nlohmann/json.hpp>

#include "base/strings.h"

namespace cc::snapshotter {
namespace {

// What nydus-snapshotter writes when it does not know the image; readers know it.
constexpr char kPlaceholder[] = "dummy-image-reference";

}  // namespace

containerd::types::Mount GuestPullMount(const std::string& empty_dir) {
  // Kata's Go code refuses a volume without image_pull, its Rust code one without source.
  const nlohmann::json volume{{"volume_type", "image_guest_pull"},
                              {"source", kPlaceholder},
                              {"image_pull", {{"metadata", nlohmann::json::object()}}}};
  containerd::types::Mount mount;
  mount.set_type("bind");
  mount.set_source(empty_dir);
  mount.add_options("bind");
  mount.add_options("ro");
  mount.add_options(StrCat("io.katacontainers.volume=", absl::Base64Escape(volume.dump())));
  return mount;
}

containerd::types::Mount UnpackMount(const std::string& dir) {
  containerd::types::Mount mount;
  mount.set_type("bind");
  mount.set_source(dir);
  mount.add_options("bind");
  mount.add_options("rw");
  return mount;
}

}  // namespace cc::snapshotter
