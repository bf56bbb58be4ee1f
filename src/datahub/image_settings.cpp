// SPDX-License-Identifier: Apache-2.0
#include "datahub/image_settings.h"

#include "base/file.h"
#include "base/secret_bytes.h"
#include "base/status.h"
#include "base/strings.h"
#include "datahub/config/registries_conf.h"

namespace cc::datahub {
namespace {

constexpr size_t kMaxFile = 1 << 20;
constexpr std::string_view kFileScheme = "file://";

absl::StatusOr<SecretBytes> Fetch(const std::string& uri, attest::ResourceSource& resources) {
  if (uri.starts_with(kFileScheme)) {
    CC_ASSIGN_OR_RETURN(std::string text, ReadFile(uri.substr(kFileScheme.size()), kMaxFile));
    return SecretBytes(std::move(text));
  }
  CC_ASSIGN_OR_RETURN(const attest::ResourceUri resource, attest::ResourceUri::Parse(uri));
  return resources.Get(resource);
}

// A keyPath of the policy: a URI as for the other settings, or, as in a policy.json for hosts, a plain path.
image::ImagePolicy::ReadKey ReadKeyWith(attest::ResourceSource& resources) {
  return [&resources](const std::string& path) -> absl::StatusOr<std::string> {
    const std::string uri = path.starts_with('/') ? StrCat(kFileScheme, path) : path;
    CC_ASSIGN_OR_RETURN(const SecretBytes pem, Fetch(uri, resources));
    return std::string(pem.view());
  };
}

}  // namespace

absl::StatusOr<image::PullSettings> LoadPullSettings(const ImageSources& sources,
                                                     attest::ResourceSource& resources) {
  image::PullSettings settings{.registries = sources.registries};
  if (!sources.credentials_uri.empty()) {
    const absl::StatusOr<SecretBytes> text = Fetch(sources.credentials_uri, resources);
    if (!text.ok()) return Annotate(text.status(), "registry credentials");
    CC_ASSIGN_OR_RETURN(settings.credentials, image::AuthFile::Parse(text->view()));
  }
  if (!sources.registries_uri.empty()) {
    const absl::StatusOr<SecretBytes> text = Fetch(sources.registries_uri, resources);
    if (!text.ok()) return Annotate(text.status(), "registry configuration");
    CC_ASSIGN_OR_RETURN(settings.registries, ParseRegistriesConf(text->view(), sources.registries_uri));
  }
  std::string policy = sources.policy;
  if (!sources.policy_uri.empty()) {
    const absl::StatusOr<SecretBytes> text = Fetch(sources.policy_uri, resources);
    if (!text.ok()) return Annotate(text.status(), "image security policy");
    policy = std::string(text->view());
  }
  if (!policy.empty()) {
    CC_ASSIGN_OR_RETURN(settings.policy, image::ImagePolicy::Parse(policy, ReadKeyWith(resources)));
  }
  return settings;
}

}  // namespace cc::datahub
