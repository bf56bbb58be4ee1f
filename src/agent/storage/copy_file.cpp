// SPDX-License-Identifier: Apache-2.0
#include "agent/storage/copy_file.h"

#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <functional>
#include <vector>

#include "agent/oci/spec_policy.h"
#include "agent/storage/volume_version.h"
#include "base/beneath.h"
#include "base/file.h"
#include "base/remove_tree.h"
#include "base/status.h"
#include "base/strings.h"

namespace cc::agent {
namespace {

constexpr size_t kMaxLinkTarget = 4095;
// setuid, setgid and sticky are for what is named in the request, not for directories made on the way.
constexpr unsigned kModeMask = 07777;
constexpr unsigned kImplicitModeMask = 0777;

// The place of the request: an open parent directory and a name in it.
struct Place {
  UniqueFd parent;
  std::string name;
  std::string temporary;  // sibling under which the content grows
};

uid_t Owner(const grpc::CopyFileRequest& request) { return static_cast<uid_t>(request.uid()); }
gid_t Group(const grpc::CopyFileRequest& request) { return static_cast<gid_t>(request.gid()); }

absl::Status CheckRequest(const std::string& root, const grpc::CopyFileRequest& request) {
  if (!IsCleanPathBeneath(request.path(), root)) {
    return absl::PermissionDeniedError(
        StrCat("copy to ", request.path(), ": only paths beneath ", root, " may be written"));
  }
  const auto size = static_cast<int64_t>(request.data().size());
  if (request.offset() < 0 || request.file_size() < 0 || request.offset() > request.file_size() ||
      size > request.file_size() - request.offset()) {
    if (!S_ISLNK(request.file_mode())) {
      return absl::InvalidArgumentError(StrCat("copy to ", request.path(), ": chunk lies outside the file"));
    }
  }
  return absl::OkStatus();
}

// Names may be as long as the file system allows (keys of config maps nearly are).
std::string TemporaryName(const std::string& name) {
  constexpr size_t kMaxKept = 200;
  if (name.size() <= kMaxKept) return StrCat(".", name, ".cc-part");
  return StrCat(".", name.substr(0, kMaxKept), "-", std::hash<std::string>{}(name), ".cc-part");
}

absl::StatusOr<Place> OpenPlace(const std::string& root, const grpc::CopyFileRequest& request) {
  std::error_code error;
  std::filesystem::create_directories(root, error);
  if (error) return ErrnoStatus(error.value(), StrCat("create ", root));
  CC_ASSIGN_OR_RETURN(UniqueFd root_fd, OpenFile(root, O_PATH | O_DIRECTORY));
  CC_ASSIGN_OR_RETURN(SplitPath split, SplitLast(std::string_view(request.path()).substr(root.size() + 1)));
  const bool had_parent = OpenBeneath(root_fd.get(), split.directory, O_PATH | O_DIRECTORY).ok();
  const unsigned mode = request.dir_mode() & kImplicitModeMask;
  CC_ASSIGN_OR_RETURN(UniqueFd parent, MakeDirsBeneath(root_fd.get(), split.directory, mode));
  if (!had_parent && ::fchownat(parent.get(), "", Owner(request), Group(request), AT_EMPTY_PATH) != 0) {
    return ErrnoStatus(errno, StrCat("set owner of the directory of ", request.path()));
  }
  std::string temporary = TemporaryName(split.name);
  return Place{std::move(parent), std::move(split.name), std::move(temporary)};
}

absl::Status CopyDirectory(const Place& place, const grpc::CopyFileRequest& request) {
  CC_ASSIGN_OR_RETURN(UniqueFd made, MakeDirsBeneath(place.parent.get(), place.name,
                                                     request.file_mode() & kImplicitModeMask));
  CC_ASSIGN_OR_RETURN(UniqueFd directory,
                      OpenBeneath(place.parent.get(), place.name, O_RDONLY | O_DIRECTORY));
  if (::fchmod(directory.get(), request.file_mode() & kModeMask) != 0 ||
      ::fchown(directory.get(), Owner(request), Group(request)) != 0) {
    return ErrnoStatus(errno, StrCat("set mode and owner of ", request.path()));
  }
  return absl::OkStatus();
}

absl::Status Publish(const Place& place, const grpc::CopyFileRequest& request) {
  if (::renameat(place.parent.get(), place.temporary.c_str(), place.parent.get(), place.name.c_str()) != 0) {
    const int error = errno;
    ::unlinkat(place.parent.get(), place.temporary.c_str(), 0);
    return ErrnoStatus(error, StrCat("put ", request.path(), " in its place"));
  }
  return absl::OkStatus();
}

absl::Status SetModeAndOwner(int fd, const grpc::CopyFileRequest& request) {
  if (::fchown(fd, Owner(request), Group(request)) != 0 ||
      ::fchmod(fd, request.file_mode() & kModeMask) != 0) {
    return ErrnoStatus(errno, StrCat("set mode and owner of ", request.path()));
  }
  return absl::OkStatus();
}

// The regular file that has the name already; none when it is anything else or runs as a program.
UniqueFd OpenExisting(const Place& place) {
  absl::StatusOr<UniqueFd> file =
      OpenBeneath(place.parent.get(), place.name, O_WRONLY | O_NOFOLLOW | O_NONBLOCK);
  struct stat st {};
  if (!file.ok() || ::fstat(file->get(), &st) != 0 || !S_ISREG(st.st_mode)) return {};
  return std::move(*file);
}

// Space is taken first, so that a full file system leaves the old content whole.
absl::Status Refill(int from, int to, int64_t size) {
  if (size > 0 && ::fallocate(to, FALLOC_FL_KEEP_SIZE, 0, size) != 0 && errno != EOPNOTSUPP) {
    return ErrnoStatus(errno, "take space");
  }
  off_t offset = 0;
  while (offset < size) {
    const ssize_t n = ::sendfile(to, from, &offset, static_cast<size_t>(size - offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus(errno, "write");
    if (n == 0) return absl::DataLossError("the copy became shorter");
  }
  if (::ftruncate(to, size) != 0) return ErrnoStatus(errno, "truncate");
  return absl::OkStatus();
}

// `file` is the complete temporary.
absl::Status Finish(const Place& place, const grpc::CopyFileRequest& request, const UniqueFd& file) {
  const UniqueFd existing = OpenExisting(place);
  if (!existing) {
    CC_RETURN_IF_ERROR(SetModeAndOwner(file.get(), request));
    return Publish(place, request);
  }
  absl::Status status = Annotate(Refill(file.get(), existing.get(), request.file_size()),
                                 StrCat("replace the content of ", request.path()));
  if (status.ok()) status = SetModeAndOwner(existing.get(), request);
  ::unlinkat(place.parent.get(), place.temporary.c_str(), 0);
  return status;
}

absl::Status CopyLink(const Place& place, const grpc::CopyFileRequest& request) {
  const std::string& target = request.data();
  if (target.empty() || target.size() > kMaxLinkTarget || target.find('\0') != std::string::npos) {
    return absl::InvalidArgumentError(StrCat("symbolic link ", request.path(), " has no usable target"));
  }
  ::unlinkat(place.parent.get(), place.temporary.c_str(), 0);
  if (::symlinkat(target.c_str(), place.parent.get(), place.temporary.c_str()) != 0 ||
      ::fchownat(place.parent.get(), place.temporary.c_str(), Owner(request), Group(request),
                 AT_SYMLINK_NOFOLLOW) != 0) {
    return ErrnoStatus(errno, StrCat("create symbolic link ", request.path()));
  }
  CC_RETURN_IF_ERROR(Publish(place, request));
  return place.name == kCurrentVersion ? RemoveOldVersions(place.parent.get(), target) : absl::OkStatus();
}

absl::Status WriteAt(int fd, std::string_view data, int64_t offset) {
  while (!data.empty()) {
    const ssize_t n = ::pwrite(fd, data.data(), data.size(), offset);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus(errno, "write");
    data.remove_prefix(static_cast<size_t>(n));
    offset += n;
  }
  return absl::OkStatus();
}

absl::Status CopyContent(const Place& place, const grpc::CopyFileRequest& request) {
  const int flags = O_RDWR | (request.offset() == 0 ? O_CREAT | O_TRUNC : 0);
  CC_ASSIGN_OR_RETURN(UniqueFd file,
                      OpenBeneath(place.parent.get(), place.temporary, flags | O_NOFOLLOW, 0600));
  struct stat st {};
  if (::fstat(file.get(), &st) != 0) return ErrnoStatus(errno, StrCat("look at ", request.path()));
  if (!S_ISREG(st.st_mode) || request.offset() > st.st_size) {
    return absl::InvalidArgumentError(
        StrCat("copy to ", request.path(), ": chunk at ", request.offset(), " does not follow the last one"));
  }
  CC_RETURN_IF_ERROR(
      Annotate(WriteAt(file.get(), request.data(), request.offset()), StrCat("copy to ", request.path())));
  if (request.offset() + static_cast<int64_t>(request.data().size()) < request.file_size())
    return absl::OkStatus();
  return Finish(place, request, file);
}

// "<id>-<16 hex digits>-..."
bool IsCopyOf(std::string_view name, std::string_view id) {
  constexpr size_t kTag = 16;
  if (name.size() < id.size() + kTag + 2 || name.substr(0, id.size()) != id) return false;
  name.remove_prefix(id.size());
  const std::string_view tag = name.substr(1, kTag);
  return name[0] == '-' && name[kTag + 1] == '-' &&
         tag.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace

absl::Status CopiedFiles::Copy(const grpc::CopyFileRequest& request) {
  const unsigned type = request.file_mode() & S_IFMT;
  if (type != 0 && type != S_IFREG && type != S_IFDIR && type != S_IFLNK) {
    return absl::InvalidArgumentError(
        StrCat("copy to ", request.path(), ": only files, directories and symbolic links can be copied"));
  }
  CC_RETURN_IF_ERROR(CheckRequest(root_, request));
  const std::lock_guard lock(locks_[std::hash<std::string>{}(request.path()) % locks_.size()]);
  CC_ASSIGN_OR_RETURN(const Place place, OpenPlace(root_, request));
  if (type == S_IFDIR) return CopyDirectory(place, request);
  if (type == S_IFLNK) return CopyLink(place, request);
  return CopyContent(place, request);
}

absl::Status CopiedFiles::RemoveOf(std::string_view container_id) {
  for (std::mutex& lock : locks_) lock.lock();
  const absl::Status status = [&]() -> absl::Status {
    absl::StatusOr<UniqueFd> root = OpenFile(root_, O_RDONLY | O_DIRECTORY);
    if (absl::IsNotFound(root.status())) return absl::OkStatus();
    CC_RETURN_IF_ERROR(root.status());
    CC_ASSIGN_OR_RETURN(const std::vector<std::string> names, NamesIn(root->get()));
    for (const std::string& name : names) {
      if (IsCopyOf(name, container_id)) CC_RETURN_IF_ERROR(RemoveTree(root->get(), name));
    }
    return absl::OkStatus();
  }();
  for (std::mutex& lock : locks_) lock.unlock();
  return status;
}

}  // namespace cc::agent
