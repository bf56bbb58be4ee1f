// SPDX-License-Identifier: Apache-2.0
#include "datahub/layer_decryption.h"

#include <string_view>
#include <utility>

#include "base/status.h"

namespace cc::datahub {

image::Stage DecryptLayer(const image::Descriptor& blob, attest::KeyUnwrapper& unwrapper) {
  return [annotations = blob.annotations, size = blob.size, &unwrapper](
             image::BlockPipe& in, image::BlockPipe& out) -> absl::Status {
    absl::StatusOr<attest::LayerSecrets> secrets = attest::OpenLayer(annotations, unwrapper);
    if (!secrets.ok()) {
      // No byte was looked at, so the download's digest has nothing to add.
      in.Abort(secrets.status());
      return secrets.status();
    }
    return attest::LayerDecryptor(*std::move(secrets), size)
        .Decrypt([&in] { return in.Next(); }, [&out](std::string_view data) { return out.Append(data); });
  };
}

}  // namespace cc::datahub
