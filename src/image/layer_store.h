// SPDX-License-Identifier: Apache-2.0
// Unpacked layers on disk, by chain id (the hash of a layer's diff id and all below it), shared by all
// containers of the pod:
//
//   <root>/layers/<algorithm>-<hex>/   complete and verified; never changed
//   <root>/staging/<n>/                being unpacked; worthless after a crash, emptied by Open
//
// Thread-safe. One process per root.
#ifndef CC_IMAGE_LAYER_STORE_H_
#define CC_IMAGE_LAYER_STORE_H_

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/unique_fd.h"
#include "image/digest.h"

namespace cc::image {

class LayerStore;

// The right and duty to make one layer. Destroyed without Commit, it removes what was written and lets the
// next one who waits try.
class LayerClaim {
 public:
  LayerClaim(LayerClaim&&) noexcept;
  LayerClaim& operator=(LayerClaim&&) = delete;
  ~LayerClaim();

  // The empty directory to unpack into; a new descriptor.
  absl::StatusOr<UniqueFd> OpenStaging() const;
  // Makes the layer visible, atomically.
  absl::Status Commit();

 private:
  friend class LayerStore;
  LayerClaim(LayerStore* store, std::string chain, std::string staging)
      : store_(store), chain_(std::move(chain)), staging_(std::move(staging)) {}
  LayerStore* store_;
  std::string chain_, staging_;
};

class LayerStore {
 public:
  static absl::StatusOr<std::unique_ptr<LayerStore>> Open(const std::string& root);

  // Nothing once the layer is complete (waits while somebody else makes it), or the claim to make it.
  absl::StatusOr<std::optional<LayerClaim>> Claim(const Digest& chain, std::stop_token stop);
  absl::StatusOr<UniqueFd> OpenLayer(const Digest& chain) const;

  const std::string& root() const { return root_; }
  int root_fd() const { return root_fd_.get(); }
  // What may be unpacked now: 80 % of the free space, and of the free memory if the store is in memory.
  absl::StatusOr<uint64_t> Budget() const;

 private:
  friend class LayerClaim;
  LayerStore(std::string root, UniqueFd root_fd, UniqueFd layers, UniqueFd staging);
  void Release(const std::string& chain);

  const std::string root_;
  const UniqueFd root_fd_, layers_, staging_;
  std::mutex mutex_;
  std::condition_variable_any released_;
  std::set<std::string> claimed_;
  uint64_t next_staging_ = 0;
};

}  // namespace cc::image

#endif  // CC_IMAGE_LAYER_STORE_H_
