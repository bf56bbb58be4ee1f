// SPDX-License-Identifier: Apache-2.0
// Decompression stages: read compressed blocks from one pipe, write plain blocks to another. Both formats may
// hold several members or frames; a stream that ends within one, or has anything but a further member behind
// it, is InvalidArgument. Neither stage finishes `out`; the caller does, with the returned status.
#ifndef CC_IMAGE_INFLATE_H_
#define CC_IMAGE_INFLATE_H_

#include "absl/status/status.h"
#include "image/block_pipe.h"

namespace cc::image {

absl::Status InflateGzip(BlockPipe& in, BlockPipe& out);
// Frames with a window above 128 MiB are refused (memory).
absl::Status InflateZstd(BlockPipe& in, BlockPipe& out);

}  // namespace cc::image

#endif  // CC_IMAGE_INFLATE_H_
