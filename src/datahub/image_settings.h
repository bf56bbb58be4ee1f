// SPDX-License-Identifier: Apache-2.0
// Settings of image pulls that lie elsewhere: in files of the guest, or with the key broker, which gives them
// to an attested guest only.
#ifndef CC_DATAHUB_IMAGE_SETTINGS_H_
#define CC_DATAHUB_IMAGE_SETTINGS_H_

#include <string>

#include "absl/status/statusor.h"
#include "attest/resource_source.h"
#include "image/puller.h"
#include "image/registries.h"

namespace cc::datahub {

// A URI is "kbs:///…", "file:///…" or empty. A URI has weight over the text beside it.
struct ImageSources {
  std::string credentials_uri;  // auth.json
  std::string registries_uri;   // registries.conf
  std::string policy_uri;       // policy.json, whose keyPaths are URIs too, or plain paths
  image::RegistryRules registries;
  std::string policy;  // policy.json
};

// Fetches and parses. The error names the setting.
absl::StatusOr<image::PullSettings> LoadPullSettings(const ImageSources& sources,
                                                     attest::ResourceSource& resources);

}  // namespace cc::datahub

#endif  // CC_DATAHUB_IMAGE_SETTINGS_H_
