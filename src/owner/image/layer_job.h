// SPDX-License-Identifier: Apache-2.0
// One layer on its way: read from the source, encrypted into a nameless file, sent to the destination.
#ifndef CC_OWNER_IMAGE_LAYER_JOB_H_
#define CC_OWNER_IMAGE_LAYER_JOB_H_

#include <functional>
#include <stop_token>

#include "absl/status/statusor.h"
#include "owner/image/encrypt.h"
#include "owner/image/manifest_edit.h"

namespace cc::owner {

// `advance` hears of each piece of plaintext that was encrypted.
absl::StatusOr<EncryptedLayer> EncryptOneLayer(const image::Descriptor& plain, ImageSource& source,
                                               ImageDestination& destination, const EncryptRequest& request,
                                               const std::function<void(uint64_t)>& advance,
                                               std::stop_token stop);

}  // namespace cc::owner

#endif  // CC_OWNER_IMAGE_LAYER_JOB_H_
