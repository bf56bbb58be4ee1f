// SPDX-License-Identifier: Apache-2.0
// gzip by ISA-L: measured against zlib on the development machine it takes half the CPU time
// (tests/bench/unpack_bench prints both).
#include <isa-l/igzip_lib.h>

#include <memory>

#include "base/status.h"
#include "base/strings.h"
#include "image/inflate.h"

namespace cc::image {
namespace {

std::string_view ErrorText(int error) {
  switch (error) {
    case ISAL_INVALID_WRAPPER:
      return "not in gzip format";
    case ISAL_UNSUPPORTED_METHOD:
      return "unknown compression method";
    case ISAL_INCORRECT_CHECKSUM:
      return "checksum of the plain data is wrong";
    default:
      return "damaged deflate data";
  }
}

// The stream's input side: refills the inflate state from the pipe.
class Input {
 public:
  Input(BlockPipe& pipe, inflate_state* state) : pipe_(pipe), state_(state) {}

  // Makes avail_in > 0 unless the input has ended; returns whether there is input.
  absl::StatusOr<bool> Fill() {
    if (state_->avail_in > 0) return true;
    if (ended_) return false;
    CC_ASSIGN_OR_RETURN(std::string_view block, pipe_.Next());
    ended_ = block.empty();
    // SAFETY: ISA-L's field is not const but inflate only reads through it; the block lives until Next.
    state_->next_in = reinterpret_cast<uint8_t*>(const_cast<char*>(block.data()));
    state_->avail_in = static_cast<uint32_t>(block.size());
    return !ended_;
  }

 private:
  BlockPipe& pipe_;
  inflate_state* state_;
  bool ended_ = false;
};

}  // namespace

absl::Status InflateGzip(BlockPipe& in, BlockPipe& out) {
  const auto state = std::make_unique<inflate_state>();
  isal_inflate_init(state.get());
  state->crc_flag = ISAL_GZIP;
  state->avail_in = 0;
  Input input(in, state.get());

  while (true) {
    CC_ASSIGN_OR_RETURN(std::span<char> block, out.Acquire());
    state->next_out = reinterpret_cast<uint8_t*>(block.data());
    state->avail_out = static_cast<uint32_t>(block.size());
    bool end = false;
    while (state->avail_out > 0 && !end) {
      CC_ASSIGN_OR_RETURN(const bool more, input.Fill());
      if (state->block_state == ISAL_BLOCK_FINISH) {
        end = !more;
        if (more) {
          isal_inflate_reset(state.get());
          state->crc_flag = ISAL_GZIP;
        }
        continue;
      }
      const uint32_t room = state->avail_out;
      const int result = isal_inflate(state.get());
      if (result < 0) return absl::InvalidArgumentError(StrCat("gzip layer: ", ErrorText(result)));
      if (!more && state->avail_out == room && state->block_state != ISAL_BLOCK_FINISH) {
        return absl::InvalidArgumentError("gzip layer: the stream is truncated");
      }
    }
    out.Commit(block.size() - state->avail_out);
    if (end) return absl::OkStatus();
  }
}

}  // namespace cc::image
