// SPDX-License-Identifier: Apache-2.0
#include "image/layer_pull.h"

#include <algorithm>
#include <thread>

#include "base/status.h"
#include "base/strings.h"
#include "image/overlay.h"

namespace cc::image {

LayerPull::LayerPull(LayerStore& store, const std::vector<ResolvedLayer>& layers, UnpackInto unpack,
                     int parallel)
    : store_(store),
      layers_(layers),
      unpack_(std::move(unpack)),
      parallel_(parallel),
      slots_(layers.size()) {}

absl::StatusOr<std::vector<UniqueFd>> LayerPull::Run(std::stop_token stop) {
  const std::stop_callback forward(stop, [this] { stop_.request_stop(); });
  {
    std::vector<std::jthread> workers;
    const size_t count = std::min(layers_.size(), static_cast<size_t>(std::max(1, parallel_)));
    for (size_t i = 0; i < count; ++i) {
      workers.emplace_back([this] { Work(stop_.get_token()); });
    }
  }
  if (!status_.ok()) return status_;
  return std::move(complete_);
}

// Layers are started from the lowest up. So the lowest incomplete layer of any two pulls is always being
// worked on by its claimant, and no two pulls wait for each other.
void LayerPull::Work(std::stop_token stop) {
  while (!stop.stop_requested()) {
    size_t index;
    {
      const std::lock_guard lock(mutex_);
      if (next_ == layers_.size()) return;
      index = next_++;
    }
    absl::Status status = PullLayer(index, stop);
    if (status.ok()) status = Advance();
    if (!status.ok()) return Fail(index, status);
  }
  Fail(0, absl::CancelledError("the pull was cancelled"));
}

absl::Status LayerPull::PullLayer(size_t index, const std::stop_token& stop) {
  Slot& slot = slots_[index];  // ours until it is ready
  CC_ASSIGN_OR_RETURN(std::optional<LayerClaim> claim, store_.Claim(layers_[index].chain, stop));
  if (claim) {
    CC_ASSIGN_OR_RETURN(UniqueFd staging, claim->OpenStaging());
    CC_ASSIGN_OR_RETURN(UnpackResult result, unpack_(layers_[index], std::move(staging), stop));
    slot.implied_directories = std::move(result.implied_directories);
    slot.claim.emplace(std::move(*claim));
  }
  const std::lock_guard lock(mutex_);
  slot.ready = true;
  return absl::OkStatus();
}

absl::Status LayerPull::Advance() {
  std::unique_lock lock(mutex_);
  if (advancing_) return absl::OkStatus();  // that thread sees our layer, too
  advancing_ = true;
  absl::Status status;
  while (status.ok() && complete_.size() < slots_.size() && slots_[complete_.size()].ready) {
    const size_t index = complete_.size();
    lock.unlock();
    status = Complete(index);
    lock.lock();
    if (status.ok()) complete_.push_back(std::move(slots_[index].fd));
  }
  advancing_ = false;
  return status;
}

absl::Status LayerPull::Complete(size_t index) {
  Slot& slot = slots_[index];
  if (slot.claim) {
    if (!slot.implied_directories.empty()) {
      CC_ASSIGN_OR_RETURN(const UniqueFd staging, slot.claim->OpenStaging());
      CC_RETURN_IF_ERROR(InheritDirectories(staging.get(), slot.implied_directories, complete_));
    }
    CC_RETURN_IF_ERROR(slot.claim->Commit());
    slot.claim.reset();
  }
  CC_ASSIGN_OR_RETURN(slot.fd, store_.OpenLayer(layers_[index].chain));
  return absl::OkStatus();
}

void LayerPull::Fail(size_t index, const absl::Status& status) {
  {
    const std::lock_guard lock(mutex_);
    // The first failure stops the others, which then report that they were stopped.
    if (status_.ok()) {
      status_ = status.code() == absl::StatusCode::kCancelled
                    ? status
                    : Annotate(status, StrCat("layer ", layers_[index].blob.digest.ToString()));
    }
  }
  stop_.request_stop();
}

}  // namespace cc::image
