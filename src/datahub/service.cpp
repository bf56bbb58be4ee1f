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

// A service that exists upstream, but not in this version: callers get a reason instead of "unknown service".
template <typename Request, typename Response>
void RegisterMissing(ttrpc::Server& server, const char* service, const char* method, const char* what) {
  server.Handle<Request, Response>(
      service, method, [text = std::string(what)](const ttrpc::CallContext&, const Request&, Response&) {
        return absl::UnimplementedError(
            StrCat(text, ": this version of cc-datahub has no connection to a key broker"));
      });
}

}  // namespace

void RegisterServices(image::Puller& puller, ttrpc::Server& server) {
  server.Handle<api::ImagePullRequest, api::ImagePullResponse>(
      "api.ImagePullService", "PullImage",
      [&puller](const ttrpc::CallContext& call, const api::ImagePullRequest& request,
                api::ImagePullResponse& response) { return PullImage(puller, call, request, response); });
  RegisterMissing<api::UnsealSecretInput, api::UnsealSecretOutput>(server, "api.SealedSecretService",
                                                                   "UnsealSecret", "unseal a secret");
  RegisterMissing<api::GetResourceRequest, api::GetResourceResponse>(server, "api.GetResourceService",
                                                                     "GetResource", "get a resource");
  RegisterMissing<api::SecureMountRequest, api::SecureMountResponse>(
      server, "api.SecureMountService", "SecureMount", "mount a protected volume");
}

}  // namespace cc::datahub
