// SPDX-License-Identifier: Apache-2.0
#include "shim/copy_files.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <mutex>
#include <string_view>
#include <tuple>
#include <utility>

#include "base/file.h"
#include "base/status.h"
#include "base/strings.h"
#include "base/thread.h"

namespace cc::shim {
namespace {

// ttrpc takes 4 MiB; each request in flight is held twice here and twice in the guest.
constexpr size_t kChunk = 1 << 20;
constexpr size_t kInFlight = 4;
constexpr int kAttempts = 5;
constexpr uint32_t kDirMode = 0755;

// Tasks of one step may overlap; a step begins when the one before has ended. Directories of depth n are
// step n.
enum Step : uint32_t { kContent = 1 << 16, kCurrentLink, kKeyLinks };

struct Task {
  uint32_t step;
  const HostTree* tree;
  const HostEntry* entry;
  std::string guest_path;
  std::string stem;  // without the name's extension
};

// Kata's agent (4.1.0) collects the chunks of a/b.c in a/b.tmp: files that differ in their extension alone
// go one after the other, and one that has this name itself is the last of them.
bool Before(const Task& a, const Task& b) {
  constexpr std::string_view kCollected = ".tmp";
  const auto place = [](const Task& task) {
    return std::make_tuple(task.step, std::string_view(task.stem),
                           task.guest_path.substr(task.stem.size()) == kCollected);
  };
  return place(a) < place(b);
}

std::string StemOf(const std::string& path) {
  return std::filesystem::path(path).replace_extension().string();
}

uint32_t StepOf(const HostTree& tree, const HostEntry& entry) {
  if (S_ISDIR(entry.st.st_mode)) {
    if (entry.path.empty()) return 0;
    return std::min<uint32_t>(
        kContent - 1, 1 + static_cast<uint32_t>(std::count(entry.path.begin(), entry.path.end(), '/')));
  }
  if (!tree.version().empty() && S_ISLNK(entry.st.st_mode) && entry.path.find('/') == std::string::npos) {
    return entry.path == kCurrentVersion ? kCurrentLink : kKeyLinks;
  }
  return kContent;
}

absl::Status SendLinkOrDirectory(const Task& task, grpc::CopyFileRequest& request,
                                 const CopyFileCall& copy_file) {
  request.set_data(task.entry->target);
  request.set_file_size(static_cast<int64_t>(task.entry->target.size()));
  return copy_file(request);
}

bool SameContent(const struct stat& a, const struct stat& b) {
  return a.st_size == b.st_size && a.st_mtim.tv_sec == b.st_mtim.tv_sec &&
         a.st_mtim.tv_nsec == b.st_mtim.tv_nsec;
}

// Aborted when the file changed before the last chunk was sent, which is the one that shows it in the guest.
absl::Status SendOnce(const UniqueFd& fd, grpc::CopyFileRequest& request, const CopyFileCall& copy_file) {
  const absl::Status changed = absl::AbortedError("it keeps changing while it is copied");
  struct stat before {};
  struct stat after {};
  if (::fstat(fd.get(), &before) != 0 || ::lseek(fd.get(), 0, SEEK_SET) < 0)
    return ErrnoStatus(errno, "look");
  request.set_file_size(before.st_size);
  const auto size = static_cast<size_t>(before.st_size);
  size_t offset = 0;
  do {
    std::string& buffer = *request.mutable_data();
    buffer.resize(std::min(kChunk, size - offset));
    const absl::Status read = ReadFull(fd.get(), buffer.data(), buffer.size());
    if (absl::IsOutOfRange(read)) return changed;
    CC_RETURN_IF_ERROR(read);
    request.set_offset(static_cast<int64_t>(offset));
    offset += buffer.size();
    if (offset == size && (::fstat(fd.get(), &after) != 0 || !SameContent(before, after))) return changed;
    CC_RETURN_IF_ERROR(copy_file(request));
  } while (offset < size);
  return absl::OkStatus();
}

absl::Status SendRegular(const Task& task, grpc::CopyFileRequest& request, const CopyFileCall& copy_file) {
  CC_ASSIGN_OR_RETURN(const UniqueFd fd, task.tree->OpenRegular(*task.entry));
  absl::Status status;
  for (int i = 0; i < kAttempts; ++i) {
    status = SendOnce(fd, request, copy_file);
    if (!absl::IsAborted(status)) break;
  }
  return status;
}

absl::Status Send(const Task& task, const CopyFileCall& copy_file) {
  const HostEntry& entry = *task.entry;
  grpc::CopyFileRequest request;
  request.set_path(task.guest_path);
  request.set_file_mode(entry.st.st_mode);
  request.set_dir_mode(kDirMode);
  request.set_uid(static_cast<int32_t>(entry.st.st_uid));
  request.set_gid(static_cast<int32_t>(entry.st.st_gid));
  const absl::Status status = S_ISREG(entry.st.st_mode) ? SendRegular(task, request, copy_file)
                                                        : SendLinkOrDirectory(task, request, copy_file);
  const std::string name =
      entry.path.empty() ? task.tree->path() : StrCat(task.tree->path(), "/", entry.path);
  return Annotate(status, StrCat("copy ", name, " into the guest"));
}

// Takes tasks of [next, end), those with one stem together, until there are none or one has failed. Shared by
// the threads of a step.
class StepRunner {
 public:
  StepRunner(const std::vector<Task>& tasks, size_t begin, size_t end, const CopyFileCall& copy_file)
      : tasks_(tasks), next_(begin), end_(end), copy_file_(copy_file) {}

  absl::Status Run() {
    std::vector<Thread> threads;
    const size_t wanted = std::min(kInFlight, end_ - next_) - 1;  // this thread is one
    for (size_t i = 0; i < wanted; ++i) {
      absl::StatusOr<Thread> thread = Thread::Start("copy", [this] { Work(); });
      if (!thread.ok()) break;  // slower, not wrong
      threads.push_back(std::move(*thread));
    }
    Work();
    threads.clear();  // joins
    return result_;
  }

 private:
  void Work() {
    while (true) {
      size_t mine = 0;
      size_t end = 0;
      {
        const std::lock_guard lock(mutex_);
        if (next_ == end_ || !result_.ok()) return;
        mine = next_++;
        while (next_ < end_ && tasks_[next_].stem == tasks_[mine].stem) ++next_;
        end = next_;
      }
      absl::Status status;
      for (; mine < end && status.ok(); ++mine) status = Send(tasks_[mine], copy_file_);
      const std::lock_guard lock(mutex_);
      if (result_.ok()) result_ = status;
    }
  }

  const std::vector<Task>& tasks_;
  std::mutex mutex_;
  size_t next_;
  const size_t end_;
  absl::Status result_;
  const CopyFileCall& copy_file_;
};

absl::Status SendAll(const std::vector<HostTree>& trees, const std::vector<const HostCopy*>& copies,
                     const CopyFileCall& copy_file) {
  std::vector<Task> tasks;
  for (size_t i = 0; i < trees.size(); ++i) {
    for (const HostEntry& entry : trees[i].entries()) {
      const std::string& base = copies[i]->guest_path;
      std::string guest_path = entry.path.empty() ? base : StrCat(base, "/", entry.path);
      std::string stem = StemOf(guest_path);
      tasks.push_back({.step = StepOf(trees[i], entry),
                       .tree = &trees[i],
                       .entry = &entry,
                       .guest_path = std::move(guest_path),
                       .stem = std::move(stem)});
    }
  }
  std::stable_sort(tasks.begin(), tasks.end(), Before);
  for (size_t begin = 0; begin < tasks.size();) {
    size_t end = begin;
    while (end < tasks.size() && tasks[end].step == tasks[begin].step) ++end;
    CC_RETURN_IF_ERROR(StepRunner(tasks, begin, end, copy_file).Run());
    begin = end;
  }
  return absl::OkStatus();
}

std::string NameOf(const HostCopy& copy) {
  if (copy.destination.empty()) return StrCat("copy of ", copy.host_path);
  return StrCat("mount ", copy.host_path, " on ", copy.destination);
}

// A version that is removed while it is listed is listed anew.
absl::StatusOr<HostTree> ListTree(const std::string& path, CopyLimits* left) {
  for (int attempt = 1;; ++attempt) {
    CopyLimits remaining = *left;
    absl::StatusOr<HostTree> tree = HostTree::List(path, &remaining);
    if (tree.ok()) *left = remaining;
    if (attempt == kAttempts || !absl::IsNotFound(tree.status())) return tree;
  }
}

bool HasNewVersion(const HostTree& tree) {
  if (tree.version().empty()) return false;
  const absl::StatusOr<std::string> now = FingerprintOf(tree.path());
  return !now.ok() || *now != tree.fingerprint();
}

}  // namespace

absl::StatusOr<std::vector<std::string>> CopyIntoGuest(const std::vector<HostCopy>& copies,
                                                       const CopyLimits& limits,
                                                       const CopyFileCall& copy_file) {
  std::vector<std::string> fingerprints(copies.size());
  std::vector<size_t> pending(copies.size());
  for (size_t i = 0; i < pending.size(); ++i) pending[i] = i;
  absl::Status status;
  for (int attempt = 0; attempt < kAttempts && !pending.empty(); ++attempt) {
    CopyLimits left = limits;
    std::vector<HostTree> trees;
    std::vector<const HostCopy*> listed;
    for (size_t i : pending) {
      absl::StatusOr<HostTree> tree = ListTree(copies[i].host_path, &left);
      if (!tree.ok()) return Annotate(tree.status(), NameOf(copies[i]));
      fingerprints[i] = tree->fingerprint();
      trees.push_back(std::move(*tree));
      listed.push_back(&copies[i]);
    }
    status = SendAll(trees, listed, copy_file);
    std::vector<size_t> changed;
    for (size_t i = 0; i < trees.size(); ++i) {
      if (HasNewVersion(trees[i])) changed.push_back(pending[i]);
    }
    // What failed may have been removed with its version.
    if (!status.ok() && changed.empty()) return status;
    if (status.ok()) pending = std::move(changed);
  }
  if (pending.empty()) return fingerprints;
  if (!status.ok()) return status;
  return absl::UnavailableError(
      StrCat(NameOf(copies[pending[0]]), ": it gets new versions faster than they can be copied"));
}

}  // namespace cc::shim
