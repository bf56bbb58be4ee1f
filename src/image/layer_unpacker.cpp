// SPDX-License-Identifier: Apache-2.0
#include "image/layer_unpacker.h"

#include <memory>
#include <thread>

#include "base/status.h"
#include "base/strings.h"
#include "image/inflate.h"

namespace cc::image {
namespace {

// Per layer: 4 × 256 KiB of blob, 4 × 512 KiB after each stage.
constexpr size_t kBlobBlock = 256 << 10, kBlobBlocks = 4;
constexpr size_t kStageBlock = 512 << 10, kStageBlocks = 4;

// True for errors that damaged bytes can cause. The fetch then runs on to its end, because its digest tells
// whether the image or the download is at fault.
bool MayComeFromDamage(const absl::Status& status) {
  return status.code() == absl::StatusCode::kInvalidArgument ||
         status.code() == absl::StatusCode::kPermissionDenied;
}

void GiveUp(BlockPipe& pipe, const absl::Status& status) {
  if (MayComeFromDamage(status)) {
    pipe.DiscardRest();
  } else {
    pipe.Abort(status);
  }
}

}  // namespace

std::vector<Stage> StagesFor(Compression compression) {
  switch (compression) {
    case Compression::kNone:
      return {};
    case Compression::kGzip:
      return {InflateGzip};
    case Compression::kZstd:
      return {InflateZstd};
  }
  return {};
}

absl::StatusOr<UnpackResult> UnpackLayer(const LayerRequest& request, UniqueFd root, std::stop_token stop) {
  std::vector<std::unique_ptr<BlockPipe>> pipes;
  pipes.push_back(std::make_unique<BlockPipe>(kBlobBlock, kBlobBlocks));
  for (size_t i = 0; i < request.stages.size(); ++i) {
    pipes.push_back(std::make_unique<BlockPipe>(kStageBlock, kStageBlocks));
  }
  const std::stop_callback on_stop(stop, [&] {
    for (const auto& pipe : pipes) pipe->Abort(absl::CancelledError("the pull was cancelled"));
  });

  absl::Status fetch_status;
  std::vector<std::jthread> threads;
  threads.emplace_back([&] {
    bool refused = false;
    absl::Status status = request.fetch(
        [&](std::string_view data) {
          absl::Status appended = pipes[0]->Append(data);
          refused = refused || !appended.ok();
          return appended;
        },
        stop);
    // A refusal comes from a later stage, which reports it itself.
    if (!refused) fetch_status = status;
    pipes[0]->Finish(std::move(status));
  });
  for (size_t i = 0; i < request.stages.size(); ++i) {
    threads.emplace_back([&, i] {
      absl::Status status = request.stages[i](*pipes[i], *pipes[i + 1]);
      if (!status.ok()) GiveUp(*pipes[i], status);
      pipes[i + 1]->Finish(std::move(status));
    });
  }

  BlockPipe& last = *pipes.back();
  Hasher hasher(request.diff_id.algorithm());
  const ReadBlock read = [&]() -> absl::StatusOr<std::string_view> {
    CC_ASSIGN_OR_RETURN(std::string_view block, last.Next());
    hasher.Update(block);
    return block;
  };
  absl::StatusOr<UnpackResult> result = UnpackTar(read, std::move(root), request.limits);
  if (!result.ok()) {
    // The stages before the last are told by their own output failing with the same error.
    if (pipes.size() == 1) {
      GiveUp(last, result.status());
    } else {
      last.Abort(result.status());
    }
  }
  threads.clear();  // joins

  if (!fetch_status.ok()) return fetch_status;
  if (!result.ok()) return result.status();
  if (const Digest actual = hasher.Finish(); actual != request.diff_id) {
    return absl::DataLossError(StrCat("the unpacked layer hashes to ", actual.ToString(),
                                      ", the image's config says ", request.diff_id.ToString()));
  }
  return result;
}

}  // namespace cc::image
