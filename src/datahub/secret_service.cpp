// SPDX-License-Identifier: Apache-2.0
#include "datahub/secret_service.h"

#include <string>
#include <string_view>
#include <utility>

#include "attest/ocicrypt/encrypted_layer.h"
#include "attest/ocicrypt/key_provider.h"
#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "coco/cdh.pb.h"
#include "coco/keyprovider.pb.h"

namespace cc::datahub {
namespace {

using KeyProviderInput = keyprovider::KeyProviderKeyWrapProtocolInput;
using KeyProviderOutput = keyprovider::KeyProviderKeyWrapProtocolOutput;

absl::Status Logged(absl::Status status, std::string_view what) {
  if (!status.ok()) log::Warning("request for a secret failed", {{"request", what}, {"cause", status}});
  return status;
}

absl::Status GetResource(attest::ResourceSource& resources, const api::GetResourceRequest& request,
                         api::GetResourceResponse& response) {
  const std::string& path = request.resourcepath();
  CC_ASSIGN_OR_RETURN(const attest::ResourceUri uri, path.find("://") == std::string::npos
                                                         ? attest::ResourceUri::FromPath(path)
                                                         : attest::ResourceUri::Parse(path));
  CC_ASSIGN_OR_RETURN(const SecretBytes resource, resources.Get(uri));
  response.set_resource(std::string(resource.view()));
  return absl::OkStatus();
}

absl::Status UnsealSecret(attest::ResourceSource& resources, const attest::UnsealOptions& options,
                          const api::UnsealSecretInput& request, api::UnsealSecretOutput& response) {
  CC_ASSIGN_OR_RETURN(const SecretBytes secret, attest::Unseal(request.secret(), resources, options));
  response.set_plaintext(std::string(secret.view()));
  return absl::OkStatus();
}

absl::Status UnwrapKey(attest::ResourceSource& resources, const KeyProviderInput& request,
                       KeyProviderOutput& response) {
  CC_ASSIGN_OR_RETURN(const std::string packet,
                      attest::ParseKeyUnwrapRequest(request.keyproviderkeywrapprotocolinput()));
  attest::KbsKeyUnwrapper unwrapper(resources);
  CC_ASSIGN_OR_RETURN(const attest::KeyUnwrapper::Result result, unwrapper.UnwrapKey(packet));
  const SecretBytes json = attest::KeyUnwrapResult(result.options.view());
  response.set_keyproviderkeywrapprotocoloutput(std::string(json.view()));
  return absl::OkStatus();
}

}  // namespace

void RegisterSecretServices(attest::ResourceSource& resources, attest::UnsealOptions unseal,
                            ttrpc::Server& server) {
  server.Handle<api::GetResourceRequest, api::GetResourceResponse>(
      "api.GetResourceService", "GetResource",
      [&resources](const ttrpc::CallContext&, const api::GetResourceRequest& request,
                   api::GetResourceResponse& response) {
        return Logged(GetResource(resources, request, response), "GetResource");
      });
  server.Handle<api::UnsealSecretInput, api::UnsealSecretOutput>(
      "api.SealedSecretService", "UnsealSecret",
      [&resources, unseal = std::move(unseal)](const ttrpc::CallContext&,
                                               const api::UnsealSecretInput& request,
                                               api::UnsealSecretOutput& response) {
        return Logged(UnsealSecret(resources, unseal, request, response), "UnsealSecret");
      });
  server.Handle<KeyProviderInput, KeyProviderOutput>(
      "keyprovider.KeyProviderService", "UnWrapKey",
      [&resources](const ttrpc::CallContext&, const KeyProviderInput& request, KeyProviderOutput& response) {
        return Logged(UnwrapKey(resources, request, response), "UnWrapKey");
      });
  server.Handle<KeyProviderInput, KeyProviderOutput>(
      "keyprovider.KeyProviderService", "WrapKey",
      [](const ttrpc::CallContext&, const KeyProviderInput&, KeyProviderOutput&) {
        return absl::UnimplementedError(
            "wrap a key: a guest only unwraps; images are encrypted on the owner's side with `ccctl image "
            "encrypt`");
      });
}

}  // namespace cc::datahub
