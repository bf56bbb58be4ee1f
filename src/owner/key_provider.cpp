// SPDX-License-Identifier: Apache-2.0
#include "owner/key_provider.h"

#include "attest/ocicrypt/annotation_packet.h"
#include "attest/ocicrypt/key_provider.h"
#include "attest/ocicrypt/wrap_parameters.h"
#include "base/status.h"
#include "base/strings.h"
#include "owner/key_file.h"

namespace cc::owner {

absl::StatusOr<std::string> WrapKey(std::string_view request, const std::string& provider) {
  if (attest::ParseKeyUnwrapRequest(request).ok()) {
    return absl::UnimplementedError(
        "key provider: it wraps keys only; an image is decrypted in an attested guest, whose data hub asks "
        "the trust service for the key");
  }
  CC_ASSIGN_OR_RETURN(const attest::KeyWrapRequest wrap, attest::ParseKeyWrapRequest(request));
  const auto parameters = wrap.parameters.find(provider);
  if (parameters == wrap.parameters.end() || parameters->second.empty()) {
    return absl::InvalidArgumentError(StrCat("key provider: no parameters for '", provider,
                                             "'; encrypt with --encryption-key 'provider:", provider,
                                             ":keyid=kbs:///REPO/TYPE/TAG::keypath=FILE'"));
  }
  if (parameters->second.size() != 1) {
    return absl::InvalidArgumentError("key provider: an image is encrypted to one key of a provider");
  }
  CC_ASSIGN_OR_RETURN(const attest::WrapParameters key,
                      attest::ParseWrapParameters(parameters->second.front()));
  CC_ASSIGN_OR_RETURN(const SecretBytes kek, LoadSymmetricKey(key.keypath));
  CC_ASSIGN_OR_RETURN(const attest::AnnotationPacket packet,
                      attest::WrapPacket(key.keyid, kek.view(), key.algorithm, wrap.options.view()));
  return attest::KeyWrapResult(attest::ToJson(packet));
}

}  // namespace cc::owner
