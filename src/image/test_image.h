// SPDX-License-Identifier: Apache-2.0
// For tests: an image as a registry holds it, and a registry that serves it.
#ifndef CC_IMAGE_TEST_IMAGE_H_
#define CC_IMAGE_TEST_IMAGE_H_

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "image/digest.h"
#include "image/platform.h"
#include "image/test_http_server.h"

namespace cc::image::testing {

inline constexpr char kOciManifest[] = "application/vnd.oci.image.manifest.v1+json";
inline constexpr char kOciLayer[] = "application/vnd.oci.image.layer.v1.tar";

struct TestLayer {
  std::string tar;
  std::string blob;
  std::string media_type;
};

struct TestImage {
  std::string manifest, config;
  std::map<std::string, std::string> blobs;  // by digest; the config among them
  std::string ManifestDigest() const { return Digest::Of(HashAlgorithm::kSha256, manifest).ToString(); }
};

// `process` is the JSON object of the image config's "config".
inline TestImage MakeImage(const std::vector<TestLayer>& layers, const std::string& process = "{}",
                           const Platform& platform = Platform::Host()) {
  const auto digest = [](const std::string& data) {
    return Digest::Of(HashAlgorithm::kSha256, data).ToString();
  };
  TestImage image;
  std::string diff_ids, descriptors;
  for (const TestLayer& layer : layers) {
    const std::string separator = diff_ids.empty() ? "" : ",";
    diff_ids += separator + "\"" + digest(layer.tar) + "\"";
    descriptors += separator + R"({"mediaType":")" + layer.media_type + R"(","digest":")" +
                   digest(layer.blob) + R"(","size":)" + std::to_string(layer.blob.size()) + "}";
    image.blobs[digest(layer.blob)] = layer.blob;
  }
  image.config = R"({"os":")" + platform.os + R"(","architecture":")" + platform.architecture +
                 R"(","variant":")" + platform.variant + R"(","config":)" + process +
                 R"(,"rootfs":{"type":"layers","diff_ids":[)" + diff_ids + "]}}";
  image.blobs[digest(image.config)] = image.config;
  image.manifest = std::string(R"({"schemaVersion":2,"mediaType":")") + kOciManifest +
                   R"(","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":")" +
                   digest(image.config) + R"(","size":)" + std::to_string(image.config.size()) +
                   R"(},"layers":[)" + descriptors + "]}";
  return image;
}

// Serves `image` as repository "app", tag "v1", or answers 404.
inline void ServeImage(const TestImage& image, const TestRequest& request,
                       TestHttpServer::Connection& connection) {
  const std::string manifests = "/v2/app/manifests/", blobs = "/v2/app/blobs/";
  if (request.target == manifests + "v1" || request.target == manifests + image.ManifestDigest()) {
    return connection.Reply(200, image.manifest, {{"Content-Type", kOciManifest}});
  }
  if (request.target.starts_with(blobs)) {
    const auto blob = image.blobs.find(request.target.substr(blobs.size()));
    if (blob != image.blobs.end()) return connection.Reply(200, blob->second);
  }
  connection.Reply(404, R"({"errors":[{"code":"UNKNOWN","message":"no such thing"}]})");
}

}  // namespace cc::image::testing

#endif  // CC_IMAGE_TEST_IMAGE_H_
