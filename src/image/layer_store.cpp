// SPDX-License-Identifier: Apache-2.0
#include "image/layer_store.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/beneath.h"
#include "base/file.h"
#include "base/log.h"
#include "base/remove_tree.h"
#include "base/status.h"
#include "base/strings.h"

namespace cc::image {
namespace {

constexpr uint64_t kBudgetPercent = 80;

absl::StatusOr<uint64_t> AvailableMemory() {
  CC_ASSIGN_OR_RETURN(const std::string text, ReadFile("/proc/meminfo"));
  for (std::string_view line : StrSplit(text, '\n')) {
    if (!line.starts_with("MemAvailable:")) continue;
    line.remove_prefix(std::string_view("MemAvailable:").size());
    uint64_t kib = 0;
    if (ParseNumber(SplitOnce(StrTrim(line), ' ').first, &kib)) return kib * 1024;
  }
  return absl::InternalError("/proc/meminfo has no MemAvailable");
}

}  // namespace

LayerClaim::LayerClaim(LayerClaim&& other) noexcept
    : store_(std::exchange(other.store_, nullptr)),
      chain_(std::move(other.chain_)),
      staging_(std::move(other.staging_)) {}

LayerClaim::~LayerClaim() {
  if (store_ == nullptr) return;
  if (absl::Status status = RemoveTree(store_->staging_.get(), staging_); !status.ok()) {
    log::Warning("an unfinished layer could not be removed", {{"layer", chain_}, {"cause", status}});
  }
  store_->Release(chain_);
}

absl::StatusOr<UniqueFd> LayerClaim::OpenStaging() const {
  return OpenBeneath(store_->staging_.get(), staging_, O_RDONLY | O_DIRECTORY);
}

absl::Status LayerClaim::Commit() {
  if (::renameat(store_->staging_.get(), staging_.c_str(), store_->layers_.get(), chain_.c_str()) != 0) {
    return ErrnoStatus(errno, StrCat("move layer ", chain_, " into the store"));
  }
  std::exchange(store_, nullptr)->Release(chain_);
  return absl::OkStatus();
}

LayerStore::LayerStore(std::string root, UniqueFd root_fd, UniqueFd layers, UniqueFd staging)
    : root_(std::move(root)),
      root_fd_(std::move(root_fd)),
      layers_(std::move(layers)),
      staging_(std::move(staging)) {}

absl::StatusOr<std::unique_ptr<LayerStore>> LayerStore::Open(const std::string& root) {
  CC_ASSIGN_OR_RETURN(const UniqueFd slash, OpenFile("/", O_PATH | O_DIRECTORY));
  absl::StatusOr<UniqueFd> made = MakeDirsBeneath(slash.get(), root, 0700);
  if (!made.ok()) return Annotate(made.status(), StrCat("make the image store ", root));
  CC_ASSIGN_OR_RETURN(UniqueFd root_fd, OpenFile(root, O_RDONLY | O_DIRECTORY));
  CC_RETURN_IF_ERROR(Annotate(RemoveTree(root_fd.get(), "staging"), StrCat("empty the image store ", root)));
  CC_ASSIGN_OR_RETURN(UniqueFd layers, MakeDirsBeneath(root_fd.get(), "layers", 0700));
  CC_ASSIGN_OR_RETURN(UniqueFd staging, MakeDirsBeneath(root_fd.get(), "staging", 0700));
  return std::unique_ptr<LayerStore>(
      new LayerStore(root, std::move(root_fd), std::move(layers), std::move(staging)));
}

absl::StatusOr<std::optional<LayerClaim>> LayerStore::Claim(const Digest& chain, std::stop_token stop) {
  const std::string name = chain.DirName();
  std::string staging;
  {
    std::unique_lock lock(mutex_);
    if (!released_.wait(lock, stop, [&] { return !claimed_.contains(name); })) {
      return absl::CancelledError("the pull was cancelled");
    }
    claimed_.insert(name);
    staging = std::to_string(next_staging_++);
  }
  std::optional<LayerClaim> claim(LayerClaim(this, name, staging));
  if (::faccessat(layers_.get(), name.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0)
    return std::optional<LayerClaim>();
  if (::mkdirat(staging_.get(), staging.c_str(), 0755) != 0) {
    return ErrnoStatus(errno, "make a staging directory in the image store");
  }
  return claim;
}

void LayerStore::Release(const std::string& chain) {
  const std::lock_guard lock(mutex_);
  claimed_.erase(chain);
  released_.notify_all();
}

absl::StatusOr<UniqueFd> LayerStore::OpenLayer(const Digest& chain) const {
  return OpenBeneath(layers_.get(), chain.DirName(), O_RDONLY | O_DIRECTORY);
}

absl::StatusOr<uint64_t> LayerStore::Budget() const {
  struct statfs fs;
  if (::fstatfs(root_fd_.get(), &fs) != 0)
    return ErrnoStatus(errno, StrCat("ask for the free space of ", root_));
  const bool in_memory = fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC;
  // A ramfs, or a tmpfs without a limit, reports no blocks at all.
  uint64_t free =
      fs.f_blocks == 0 ? UINT64_MAX : static_cast<uint64_t>(fs.f_bavail) * static_cast<uint64_t>(fs.f_bsize);
  if (in_memory) {
    CC_ASSIGN_OR_RETURN(const uint64_t memory, AvailableMemory());
    free = std::min(free, memory);
  }
  return free / 100 * kBudgetPercent;
}

}  // namespace cc::image
