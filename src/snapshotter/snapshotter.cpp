// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/snapshotter.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <optional>

#include "base/file.h"
#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "snapshotter/labels.h"
#include "snapshotter/mounts.h"

namespace cc::snapshotter {
namespace {

using containerd::types::Mount;

// containerd's own limit is that of its database, 32 KiB.
constexpr size_t kMaxName = 32 << 10;
constexpr size_t kPage = 100;

absl::Status MakeDir(const std::string& path, mode_t mode) {
  if (::mkdir(path.c_str(), mode) != 0 && errno != EEXIST) {
    return ErrnoStatus(errno, StrCat("make directory ", path));
  }
  return absl::OkStatus();
}

absl::Status CheckName(std::string_view what, const std::string& name) {
  if (name.empty()) return absl::InvalidArgumentError(StrCat("the ", what, " of the snapshot is empty"));
  if (name.size() > kMaxName) {
    return absl::InvalidArgumentError(
        StrCat("the ", what, " of the snapshot is longer than ", kMaxName, " bytes"));
  }
  return absl::OkStatus();
}

// containerd's unpackers call their snapshots "extract-<unique> <chain id>"; its metadata layer puts
// "<namespace>/<number>/" before a client's key.
bool IsUnpack(std::string_view key) {
  constexpr std::string_view kPrefix = "extract-";
  const SplitPair first = SplitOnce(key, '/');
  const SplitPair second = SplitOnce(first.second, '/');
  return (second.found ? second.second : key).starts_with(kPrefix);
}

std::optional<std::string> FieldOf(const Snapshot& snapshot, const std::vector<std::string>& path) {
  const std::string& field = path.front();
  if (field == "name") return snapshot.name;
  if (field == "parent") return snapshot.parent;
  if (field == "kind") {
    return snapshot.kind == Kind::kView ? "view" : snapshot.kind == Kind::kActive ? "active" : "committed";
  }
  if (field != "labels") return std::nullopt;
  const auto it = snapshot.labels.find(StrJoin(std::vector<std::string>(path.begin() + 1, path.end()), "."));
  return it == snapshot.labels.end() ? std::nullopt : std::optional(it->second);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Snapshotter>> Snapshotter::Open(const std::string& root) {
  CC_RETURN_IF_ERROR(MakeDir(root, 0700));
  CC_ASSIGN_OR_RETURN(UniqueFd lock, OpenFile(StrCat(root, "/lock"), O_RDWR | O_CREAT));
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    return absl::FailedPreconditionError(StrCat("another cc-snapshotter uses ", root));
  }
  CC_RETURN_IF_ERROR(MakeDir(StrCat(root, "/rootfs"), 0755));
  CC_RETURN_IF_ERROR(MakeDir(StrCat(root, "/unpack"), 0700));
  CC_ASSIGN_OR_RETURN(std::unique_ptr<Store> store, Store::Open(StrCat(root, "/metadata.db")));
  std::unique_ptr<Snapshotter> snapshotter(new Snapshotter(root, std::move(lock), std::move(store)));
  CC_RETURN_IF_ERROR(snapshotter->Cleanup());
  return snapshotter;
}

std::string Snapshotter::UnpackDir(int64_t id) const { return StrCat(root_, "/unpack/", id); }

absl::StatusOr<Mount> Snapshotter::MountOf(const Snapshot& snapshot) {
  if (snapshot.kind == Kind::kCommitted) {
    return absl::FailedPreconditionError(StrCat("snapshot '", snapshot.name, "' is committed: no mounts"));
  }
  if (snapshot.kind == Kind::kView || !IsUnpack(snapshot.name)) {
    return GuestPullMount(StrCat(root_, "/rootfs"));
  }
  // Made here and not at Prepare, so that no order of a kill and a restart leaves a snapshot without it.
  CC_RETURN_IF_ERROR(MakeDir(UnpackDir(snapshot.id), 0755));
  return UnpackMount(UnpackDir(snapshot.id));
}

absl::StatusOr<Mount> Snapshotter::Prepare(const std::string& key, const std::string& parent,
                                           const Labels& labels) {
  CC_RETURN_IF_ERROR(CheckName("key", key));
  CC_RETURN_IF_ERROR(CheckLabels(labels));
  const auto ref = labels.find(kRefLabel);
  if (ref != labels.end() && !ref->second.empty()) {
    CC_ASSIGN_OR_RETURN(const bool made, store_->CreateRemote(ref->second, parent, labels));
    log::Debug("layer is left to the guest", {{"chain", ref->second}, {"new", made}});
    return absl::AlreadyExistsError(StrCat("layer ", ref->second, " is pulled by the guest"));
  }
  CC_ASSIGN_OR_RETURN(const Snapshot snapshot, store_->Create(Kind::kActive, key, parent, labels));
  if (IsUnpack(key)) {
    log::Warning("containerd unpacks a layer that it did not offer to leave to the guest; it is not kept",
                 {{"key", key}});
  }
  return MountOf(snapshot);
}

absl::StatusOr<Mount> Snapshotter::View(const std::string& key, const std::string& parent,
                                        const Labels& labels) {
  CC_RETURN_IF_ERROR(CheckName("key", key));
  CC_RETURN_IF_ERROR(CheckLabels(labels));
  CC_ASSIGN_OR_RETURN(const Snapshot snapshot, store_->Create(Kind::kView, key, parent, labels));
  return MountOf(snapshot);
}

absl::StatusOr<Mount> Snapshotter::Mounts(const std::string& key) {
  CC_ASSIGN_OR_RETURN(const Snapshot snapshot, store_->Find(key));
  return MountOf(snapshot);
}

absl::Status Snapshotter::Commit(const std::string& name, const std::string& key, const Labels& labels) {
  CC_RETURN_IF_ERROR(CheckName("name", name));
  CC_RETURN_IF_ERROR(CheckLabels(labels));
  CC_ASSIGN_OR_RETURN(const Snapshot snapshot, store_->Commit(name, key, labels));
  DropUnpacked(snapshot);
  return absl::OkStatus();
}

absl::Status Snapshotter::Remove(const std::string& key) {
  CC_ASSIGN_OR_RETURN(const Snapshot snapshot, store_->Remove(key));
  DropUnpacked(snapshot);
  return absl::OkStatus();
}

absl::StatusOr<Snapshot> Snapshotter::Stat(const std::string& key) { return store_->Find(key); }

absl::StatusOr<Snapshot> Snapshotter::Update(const std::string& name, const Labels& labels,
                                             const std::vector<std::string>& paths) {
  CC_RETURN_IF_ERROR(CheckPaths(paths));
  CC_RETURN_IF_ERROR(CheckLabels(labels));
  return store_->Update(name, [&](Labels& current) { ApplyPaths(paths, labels, current); });
}

absl::Status Snapshotter::List(const Filter& filter,
                               const std::function<bool(std::vector<Snapshot>)>& visit) {
  int64_t after = 0;
  while (true) {
    CC_ASSIGN_OR_RETURN(std::vector<Snapshot> page, store_->List(after, kPage));
    if (page.empty()) return absl::OkStatus();
    after = page.back().id;
    std::erase_if(page, [&](const Snapshot& snapshot) {
      return !filter.Matches([&](const std::vector<std::string>& path) { return FieldOf(snapshot, path); });
    });
    if (!page.empty() && !visit(std::move(page))) return absl::OkStatus();
  }
}

// A directory that cannot be deleted now is deleted by the next Cleanup.
void Snapshotter::DropUnpacked(const Snapshot& snapshot) {
  std::error_code error;
  std::filesystem::remove_all(UnpackDir(snapshot.id), error);
  if (error) {
    log::Warning("could not delete an unpacked layer",
                 {{"directory", UnpackDir(snapshot.id)}, {"error", error.message()}});
  }
}

absl::Status Snapshotter::Cleanup() {
  const std::string dir = StrCat(root_, "/unpack");
  std::error_code error;
  for (std::filesystem::directory_iterator entry(dir, error), end; !error && entry != end;
       entry.increment(error)) {
    int64_t id = 0;
    uint64_t number = 0;
    if (ParseNumber(entry->path().filename().string(), &number)) id = static_cast<int64_t>(number);
    CC_ASSIGN_OR_RETURN(const bool open, store_->IsOpen(id));
    if (open) continue;
    std::error_code failed;
    std::filesystem::remove_all(entry->path(), failed);
    if (failed) return absl::InternalError(StrCat("delete ", entry->path().string(), ": ", failed.message()));
  }
  if (error) return absl::InternalError(StrCat("read directory ", dir, ": ", error.message()));
  return absl::OkStatus();
}

}  // namespace cc::snapshotter
