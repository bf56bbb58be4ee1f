// SPDX-License-Identifier: Apache-2.0
// One layer on its way from the registry to a private directory, as overlapped stages with bounded memory:
//
//   fetch + blob digest | (further stages: inflate; decryption goes before it) | diff id + unpack
//
// Each stage has its own thread; the last runs on the caller's. Bytes are written before they are verified,
// so the directory is worthless until this returns OK: both digests matched then.
#ifndef CC_IMAGE_LAYER_UNPACKER_H_
#define CC_IMAGE_LAYER_UNPACKER_H_

#include <functional>
#include <stop_token>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/unique_fd.h"
#include "image/block_pipe.h"
#include "image/digest.h"
#include "image/media_type.h"
#include "image/unpack.h"

namespace cc::image {

// Takes the blob's bytes in order; a non-OK status ends the fetch.
using ByteSink = std::function<absl::Status(std::string_view)>;
// Delivers the whole blob, verified against its digest and size when it returns OK.
using FetchBlob = std::function<absl::Status(const ByteSink&, std::stop_token)>;
// Reads `in` to its end and writes to `out`, without finishing it.
using Stage = std::function<absl::Status(BlockPipe& in, BlockPipe& out)>;

// The stages that lead from a blob of this type to a tar stream.
std::vector<Stage> StagesFor(Compression compression);

struct LayerRequest {
  FetchBlob fetch;
  std::vector<Stage> stages;
  Digest diff_id;
  UnpackLimits limits;
};

// DataLoss when a digest is wrong. The first cause is what is reported: a damaged download reads "digest
// mismatch", not "bad gzip data".
absl::StatusOr<UnpackResult> UnpackLayer(const LayerRequest& request, UniqueFd root, std::stop_token stop);

}  // namespace cc::image

#endif  // CC_IMAGE_LAYER_UNPACKER_H_
