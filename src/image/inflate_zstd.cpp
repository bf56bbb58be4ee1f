// SPDX-License-Identifier: Apache-2.0
#include <zstd.h>

#include <memory>

#include "base/status.h"
#include "base/strings.h"
#include "image/inflate.h"

namespace cc::image {
namespace {

constexpr int kMaxWindowLog = 27;

struct FreeStream {
  void operator()(ZSTD_DStream* stream) const { ZSTD_freeDStream(stream); }
};

}  // namespace

absl::Status InflateZstd(BlockPipe& in, BlockPipe& out) {
  const std::unique_ptr<ZSTD_DStream, FreeStream> stream(ZSTD_createDStream());
  if (stream == nullptr) return absl::ResourceExhaustedError("zstd layer: out of memory");
  ZSTD_DCtx_setParameter(stream.get(), ZSTD_d_windowLogMax, kMaxWindowLog);

  ZSTD_inBuffer input{nullptr, 0, 0};
  size_t in_frame = 0;  // 0 exactly between frames
  bool any_input = false;
  while (true) {
    CC_ASSIGN_OR_RETURN(std::span<char> block, out.Acquire());
    ZSTD_outBuffer output{block.data(), block.size(), 0};
    while (output.pos < output.size) {
      bool ended = false;
      if (input.pos == input.size) {
        CC_ASSIGN_OR_RETURN(std::string_view next, in.Next());
        ended = next.empty();
        any_input = any_input || !ended;
        input = {next.data(), next.size(), 0};
      }
      if (ended && in_frame == 0) {
        out.Commit(output.pos);
        if (!any_input) return absl::InvalidArgumentError("zstd layer: the stream is empty");
        return absl::OkStatus();
      }
      const size_t before = output.pos;
      in_frame = ZSTD_decompressStream(stream.get(), &output, &input);
      if (ZSTD_isError(in_frame)) {
        return absl::InvalidArgumentError(StrCat("zstd layer: ", ZSTD_getErrorName(in_frame)));
      }
      if (ended && output.pos == before) {
        return absl::InvalidArgumentError("zstd layer: the stream is truncated");
      }
    }
    out.Commit(output.pos);
  }
}

}  // namespace cc::image
