// SPDX-License-Identifier: Apache-2.0
// Decryption as the first stage of an encrypted layer's pipeline (see image/layer_unpacker.h). The key is
// fetched while the first blocks arrive; a key that is refused ends the download at once.
#ifndef CC_DATAHUB_LAYER_DECRYPTION_H_
#define CC_DATAHUB_LAYER_DECRYPTION_H_

#include "attest/ocicrypt/encrypted_layer.h"
#include "image/layer_unpacker.h"
#include "image/manifest.h"

namespace cc::datahub {

// `unwrapper` outlives the stage. Nothing is handed on before the whole ciphertext is verified.
image::Stage DecryptLayer(const image::Descriptor& blob, attest::KeyUnwrapper& unwrapper);

}  // namespace cc::datahub

#endif  // CC_DATAHUB_LAYER_DECRYPTION_H_
