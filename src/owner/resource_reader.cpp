// SPDX-License-Identifier: Apache-2.0
#include "owner/resource_reader.h"

#include "attest/attester/detect.h"
#include "attest/kbs/kbs_client.h"
#include "base/status.h"
#include "base/strings.h"
#include "jose/jwe.h"

namespace cc::owner {

absl::StatusOr<SecretBytes> ReadAsGuest(const std::string& url, const attest::HttpOptions& http,
                                        const attest::ResourceUri& uri,
                                        std::optional<attest::AllowSampleEvidence> sample) {
  attest::DetectOptions detect;
  detect.sample = sample;
  CC_ASSIGN_OR_RETURN(std::unique_ptr<attest::Attester> attester, attest::DetectAttester(detect));
  attest::KbsOptions options;
  options.url = url;
  options.http = http;
  CC_ASSIGN_OR_RETURN(const std::unique_ptr<attest::KbsClient> client,
                      attest::KbsClient::Create(std::move(options), std::move(attester)));
  return client->Get(uri);
}

absl::StatusOr<SecretBytes> ReadWithToken(const std::string& url, const attest::HttpOptions& http,
                                          const attest::ResourceUri& uri, std::string_view token,
                                          const jose::Key& key) {
  const std::string what = StrCat("read resource ", uri.ToString());
  CC_ASSIGN_OR_RETURN(const std::unique_ptr<attest::HttpClient> client, attest::HttpClient::Create(http));
  attest::HttpRequest request;
  request.url =
      StrCat(url, "/kbs/v0/", uri.plugin(), "/", uri.path(), uri.query().empty() ? "" : "?", uri.query());
  request.headers = {StrCat("Authorization: Bearer ", StrTrim(token))};
  const absl::StatusOr<attest::HttpResponse> response = client->Send(request);
  if (!response.ok()) return Annotate(response.status(), what);
  if (response->status != 200) {
    const std::string text = StrCat(what, ": the trust service answered ", response->status, ": ",
                                    std::string_view(response->body).substr(0, 2048));
    if (response->status == 404) return absl::NotFoundError(text);
    return absl::PermissionDeniedError(text);
  }
  const jose::KeyAlgorithm algorithm =
      key.type() == jose::KeyType::kRsa ? jose::KeyAlgorithm::kRsaOaep256 : jose::KeyAlgorithm::kEcdhEsA256Kw;
  absl::StatusOr<std::string> plain = jose::DecryptFlattened(key, algorithm, response->body);
  if (!plain.ok()) return Annotate(plain.status(), what);
  return SecretBytes(*std::move(plain));
}

}  // namespace cc::owner
