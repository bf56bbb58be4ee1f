// SPDX-License-Identifier: Apache-2.0
#include "shim/pod_files.h"

#include <unistd.h>

#include <algorithm>

#include "base/file.h"
#include "base/status.h"
#include "base/strings.h"

namespace cc::shim {
namespace {

constexpr char kResolvConf[] = "resolv.conf";
constexpr char kHostname[] = "hostname";

}  // namespace

absl::Status WritePodFiles(const std::string& directory, const PodIdentity& identity) {
  if (!identity.dns.empty()) {
    CC_RETURN_IF_ERROR(WriteFileAtomic(StrCat(directory, "/", kResolvConf),
                                       StrCat(StrJoin(identity.dns, "\n"), "\n"), 0644));
  }
  if (identity.hostname.empty()) return absl::OkStatus();
  return WriteFileAtomic(StrCat(directory, "/", kHostname), StrCat(identity.hostname, "\n"), 0644);
}

void MountPodFiles(const std::string& directory, grpc::Spec* spec) {
  for (const char* name : {kResolvConf, kHostname}) {
    const std::string source = StrCat(directory, "/", name);
    const std::string destination = StrCat("/etc/", name);
    const bool mounted =
        std::any_of(spec->mounts().begin(), spec->mounts().end(),
                    [&](const grpc::Mount& mount) { return mount.destination() == destination; });
    if (mounted || ::access(source.c_str(), R_OK) != 0) continue;
    grpc::Mount* mount = spec->add_mounts();
    mount->set_destination(destination);
    mount->set_source(source);
    mount->set_type("bind");
    for (const char* option : {"rbind", "rprivate", "rw"}) mount->add_options(option);
  }
}

}  // namespace cc::shim
