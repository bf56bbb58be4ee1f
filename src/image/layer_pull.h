// SPDX-License-Identifier: Apache-2.0
// All layers of an image into the store: a few at a time, each joined with whoever pulls the same layer.
#ifndef CC_IMAGE_LAYER_PULL_H_
#define CC_IMAGE_LAYER_PULL_H_

#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/unique_fd.h"
#include "image/layer_store.h"
#include "image/resolve.h"

namespace cc::image {

// Makes the tree of one layer in a directory.
using UnpackInto =
    std::function<absl::StatusOr<UnpackResult>(const ResolvedLayer&, UniqueFd directory, std::stop_token)>;

class LayerPull {
 public:
  LayerPull(LayerStore& store, const std::vector<ResolvedLayer>& layers, UnpackInto unpack, int parallel);

  // Blocks until all layers are in the store, and returns them open, lowest first; or the first error, with
  // the layer it happened in. Once.
  absl::StatusOr<std::vector<UniqueFd>> Run(std::stop_token stop);

 private:
  struct Slot {
    std::optional<LayerClaim> claim;  // unpacked by us, not yet committed
    std::set<std::string> implied_directories;
    bool ready = false;  // unpacked, or complete in the store
    UniqueFd fd;         // once it is complete
  };

  void Work(std::stop_token stop);
  absl::Status PullLayer(size_t index, const std::stop_token& stop);
  // Commits, in order, the layers that are ready.
  absl::Status Advance();
  absl::Status Complete(size_t index);
  void Fail(size_t index, const absl::Status& status);

  LayerStore& store_;
  const std::vector<ResolvedLayer>& layers_;
  const UnpackInto unpack_;
  const int parallel_;

  std::stop_source stop_;  // stops the others after a failure
  std::mutex mutex_;
  std::vector<Slot> slots_;
  std::vector<UniqueFd> complete_;
  size_t next_ = 0;         // to be started
  bool advancing_ = false;  // one thread at a time commits, without the lock
  absl::Status status_;
};

}  // namespace cc::image

#endif  // CC_IMAGE_LAYER_PULL_H_
