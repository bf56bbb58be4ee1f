// SPDX-License-Identifier: Apache-2.0
#include "datahub/service.h"

#include <memory>
#include <stop_token>
#include <string>

#include "base/strings.h"
#include "coco/cdh.pb.h"

namespace cc::datahub {
namespace {

absl::Status PullImage(image::Puller& puller, const ttrpc::CallContext& call,
                       const api::ImagePullRequest& request, api::ImagePullResponse& response) {
  // Owned by the callback as well, which may run late.
  const auto stop = std::make_shared<std::stop_source>();
  call.OnCancel([stop] { stop->request_stop(); });
  absl::StatusOr<image::PullResult> result =
      puller.Pull(request.image_url(), request.bundle_path(), stop->get_token());
  if (!result.ok()) return result.status();
  response.set_manifest_digest(result->manifest_digest.ToString());
  return absl::OkStatus();
}

}  // namespace

void RegisterServices(image::Puller& puller, ttrpc::Server& server) {
  server.Handle<api::ImagePullRequest, api::ImagePullResponse>(
      "api.ImagePullService", "PullImage",
      [&puller](const ttrpc::CallContext& call, const api::ImagePullRequest& request,
                api::ImagePullResponse& response) { return PullImage(puller, call, request, response); });
  server.Handle<api::SecureMountRequest, api::SecureMountResponse>(
      "api.SecureMountService", "SecureMount",
      [](const ttrpc::CallContext&, const api::SecureMountRequest&, api::SecureMountResponse&) {
        return absl::UnimplementedError("mount a protected volume: this version has no protected volumes");
      });
}

}  // namespace cc::datahub
