// SPDX-License-Identifier: Apache-2.0
#include "owner/image/location.h"

#include "base/status.h"
#include "base/strings.h"
#include "image/push.h"
#include "owner/image/oci_layout.h"

namespace cc::owner {
namespace {

// A registry may take its time to hash a large blob before it answers.
constexpr std::chrono::minutes kStall(3);

class RegistrySource final : public ImageSource {
 public:
  explicit RegistrySource(std::unique_ptr<image::Registry> registry) : registry_(std::move(registry)) {}
  absl::StatusOr<image::Document> Root(std::stop_token stop) override {
    return registry_->FetchManifest(stop);
  }
  absl::StatusOr<image::Document> Manifest(const image::Descriptor& descriptor,
                                           std::stop_token stop) override {
    return registry_->FetchManifest(descriptor, stop);
  }
  absl::Status Blob(const image::Descriptor& descriptor, const image::ByteSink& sink,
                    std::stop_token stop) override {
    return registry_->FetchBlob(descriptor, sink, stop);
  }

 private:
  const std::unique_ptr<image::Registry> registry_;
};

class RegistryDestination final : public ImageDestination {
 public:
  RegistryDestination(std::unique_ptr<image::RegistryPush> push, std::string tag)
      : push_(std::move(push)), tag_(std::move(tag)) {}
  absl::Status PutBlob(const image::Descriptor& blob, const image::BodySource& body,
                       std::stop_token stop) override {
    return push_->PutBlob(blob, body, stop);
  }
  absl::Status PutManifest(const image::Descriptor& descriptor, const std::string& json,
                           std::stop_token stop) override {
    return push_->PutManifest(descriptor.digest.ToString(), descriptor.media_type, json, stop);
  }
  absl::Status PutRoot(const image::Descriptor& descriptor, const std::string& json,
                       std::stop_token stop) override {
    return push_->PutManifest(tag_, descriptor.media_type, json, stop);
  }

 private:
  const std::unique_ptr<image::RegistryPush> push_;
  const std::string tag_;
};

struct Access {
  std::shared_ptr<image::HttpClient> http;
  std::optional<image::Credentials> credentials;
};

absl::StatusOr<Access> MakeAccess(const image::Reference& reference, const RegistryOptions& options) {
  image::HttpOptions http;
  http.plain_http_hosts = options.plain_http;
  http.extra_roots_pem = options.roots_pem;
  http.stall_timeout = kStall;
  http.plain_http_setting = "--plain-http HOST:PORT";
  http.roots_setting = "--certificate FILE";
  Access access;
  CC_ASSIGN_OR_RETURN(access.http, image::HttpClient::Create(std::move(http)));
  if (options.auth_json.empty()) return access;
  CC_ASSIGN_OR_RETURN(const image::AuthFile file, image::AuthFile::Parse(options.auth_json));
  access.credentials = file.Find(reference);
  return access;
}

}  // namespace

absl::StatusOr<ImageLocation> ImageLocation::Parse(std::string_view text) {
  ImageLocation location;
  if (text.starts_with("docker://")) {
    CC_ASSIGN_OR_RETURN(location.registry, image::Reference::Parse(text));
    return location;
  }
  if (text.starts_with("oci:")) {
    std::string_view rest = text.substr(4);
    const size_t colon = rest.rfind(':');
    if (colon != std::string_view::npos && rest.find('/', colon) == std::string_view::npos) {
      location.layout_tag = rest.substr(colon + 1);
      rest = rest.substr(0, colon);
    }
    location.layout_directory = rest;
    if (!rest.empty()) return location;
  }
  return absl::InvalidArgumentError(
      StrCat("image '", text.substr(0, 300), "': expected oci:DIR[:TAG] or docker://REGISTRY/NAME:TAG"));
}

absl::StatusOr<std::unique_ptr<ImageSource>> OpenSource(const ImageLocation& location,
                                                        const RegistryOptions& options) {
  if (!location.registry) {
    return std::make_unique<OciLayout>(location.layout_directory, location.layout_tag);
  }
  CC_ASSIGN_OR_RETURN(Access access, MakeAccess(*location.registry, options));
  return std::make_unique<RegistrySource>(std::make_unique<image::Registry>(
      std::move(access.http), *location.registry, std::move(access.credentials)));
}

absl::StatusOr<std::unique_ptr<ImageDestination>> OpenDestination(const ImageLocation& location,
                                                                  const RegistryOptions& options) {
  if (!location.registry) {
    return std::make_unique<OciLayout>(location.layout_directory, location.layout_tag);
  }
  const image::Reference& reference = *location.registry;
  if (reference.digest) {
    return absl::InvalidArgumentError(StrCat("push to ", reference.ToString(),
                                             ": give a tag instead of a digest; the encrypted image has "
                                             "another digest than its source"));
  }
  CC_ASSIGN_OR_RETURN(Access access, MakeAccess(reference, options));
  return std::make_unique<RegistryDestination>(
      std::make_unique<image::RegistryPush>(std::move(access.http), reference, std::move(access.credentials)),
      reference.tag);
}

}  // namespace cc::owner
