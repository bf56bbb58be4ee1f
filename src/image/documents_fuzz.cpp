// SPDX-License-Identifier: Apache-2.0
// What a registry and a host say about an image. The first byte chooses the reader.
#include "base/fuzz.h"
#include "base/strings.h"
#include "image/auth_file.h"
#include "image/challenge.h"
#include "image/manifest.h"
#include "image/policy.h"
#include "image/reference.h"
#include "image/url.h"

namespace cc::fuzz {
namespace {

using namespace image;

void ReadReference(std::string_view text) {
  const auto reference = Reference::Parse(text);
  if (!reference.ok()) return;
  const std::string written = reference->ToString();
  const auto again = Reference::Parse(written);
  Check(again.ok() && again->ToString() == written, "a reference reads back what it wrote");
  Check(written.find_first_of(" \r\n?#") == std::string::npos,
        "a reference has nothing that ends a URL's path");
}

void ReadManifest(std::string_view text) {
  const auto document = ParseManifest(text, "application/vnd.oci.image.manifest.v1+json");
  if (!document.ok()) return;
  if (const auto* manifest = std::get_if<Manifest>(&*document)) {
    Check(manifest->layers.size() <= kMaxLayers, "the number of layers has a limit");
    for (const Descriptor& layer : manifest->layers) Check(layer.size <= kMaxBlobSize, "sizes have a limit");
  }
}

}  // namespace

Target MakeTarget() {
  const std::string digest = "sha256:" + std::string(64, 'a');
  const std::string descriptor = StrCat(
      R"({"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":")", digest,
      R"(","size":1,"annotations":{"a":"b"},"platform":{"os":"linux","architecture":"arm64","variant":"v8"}})");
  return {
      .seeds =
          {"0docker.io/library/busybox:1.36@" + digest, "0[::1]:5000/a/b_c", "0XN0/a/b.c",
           StrCat(R"(1{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":)",
                  descriptor, R"(,"layers":[)", descriptor, "]}"),
           StrCat(
               R"(1{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[)",
               descriptor, "]}"),
           StrCat(
               R"(2{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[")", digest,
               R"("]},"config":{"User":"1:2","Env":["A=b"],"Entrypoint":["/a"],"Cmd":["b"],"WorkingDir":"/"}})"),
           R"(3Bearer realm="https://auth.example/token",service="registry",scope="repository:a:pull")",
           R"(4{"auths":{"registry.example":{"auth":"dXNlcjpwYXNz"}}})",
           "5https://registry.example:5000/v2/?a=b",
           R"(6{"default":[{"type":"reject"}],"transports":{"docker":{"a.example/b":[{"type":"insecureAcceptAnything"}]}}})"},
      .run = [](std::string_view input) {
        if (input.empty()) return;
        const std::string_view text = input.substr(1);
        switch (input[0]) {
          case '0':
            return ReadReference(text);
          case '1':
            return ReadManifest(text);
          case '2':
            return ParseImageConfig(text).status().IgnoreError();
          case '3':
            ParseChallenges(text);
            return;
          case '4':
            if (const auto file = AuthFile::Parse(text); file.ok()) {
              file->Find(*Reference::Parse("registry.example/a/b:1"));
            }
            return;
          case '5':
            if (const auto url = Url::Parse(text); url.ok()) url->Resolve(text).status().IgnoreError();
            return;
          default:
            return ImagePolicy::Parse(text, [](const std::string& path) { return path; })
                .status()
                .IgnoreError();
        }
      }};
}

}  // namespace cc::fuzz
