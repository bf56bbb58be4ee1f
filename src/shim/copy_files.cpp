// SPDX-License-Identifier: Apache-2.0
#include "shim/copy_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>

#include "base/file.h"
#include "base/status.h"
#include "base/strings.h"

namespace cc::shim {
namespace {

constexpr size_t kChunk = 1 << 20;
constexpr uint32_t kDirMode = 0755;

class Copier {
 public:
  explicit Copier(const CopyFileCall& copy_file) : copy_file_(copy_file) {}

  // `host_path` itself may be a link (Kubernetes mounts them so); inside a tree links stay links.
  absl::Status Copy(const std::string& host_path, const std::string& guest_path, bool follow) {
    if (++entries_ > kMaxCopyEntries) {
      return absl::ResourceExhaustedError(StrCat("copy ", host_path, " into the guest: more than ",
                                                 kMaxCopyEntries, " entries; put the data into the image"));
    }
    struct stat st;
    if (::fstatat(AT_FDCWD, host_path.c_str(), &st, follow ? 0 : AT_SYMLINK_NOFOLLOW) != 0) {
      return ErrnoStatus(errno, StrCat("copy ", host_path, " into the guest"));
    }
    grpc::CopyFileRequest request;
    request.set_path(guest_path);
    request.set_file_mode(st.st_mode);
    request.set_dir_mode(kDirMode);
    request.set_uid(static_cast<int32_t>(st.st_uid));
    request.set_gid(static_cast<int32_t>(st.st_gid));
    if (S_ISREG(st.st_mode)) return CopyRegular(host_path, request, follow);
    if (S_ISDIR(st.st_mode)) return CopyDirectory(host_path, request);
    if (S_ISLNK(st.st_mode)) return CopyLink(host_path, request);
    return absl::OkStatus();
  }

 private:
  absl::Status Send(const std::string& host_path, const grpc::CopyFileRequest& request) {
    return Annotate(copy_file_(request), StrCat("copy ", host_path, " into the guest"));
  }

  absl::Status CopyRegular(const std::string& host_path, grpc::CopyFileRequest& request, bool follow) {
    // O_NONBLOCK: a FIFO that took the file's place must not hang us.
    CC_ASSIGN_OR_RETURN(UniqueFd fd, OpenFile(host_path, O_RDONLY | O_NONBLOCK | (follow ? 0 : O_NOFOLLOW)));
    struct stat st;
    if (::fstat(fd.get(), &st) != 0 || !S_ISREG(st.st_mode)) {
      return absl::FailedPreconditionError(
          StrCat("copy ", host_path, " into the guest: it changed meanwhile"));
    }
    const auto size = static_cast<size_t>(st.st_size);
    if (size > kMaxCopyBytes || bytes_ + size > kMaxCopyBytes) {
      return absl::ResourceExhaustedError(StrCat("copy ", host_path, " into the guest: more than ",
                                                 kMaxCopyBytes >> 20, " MiB; put the data into the image"));
    }
    bytes_ += size;
    request.set_file_size(st.st_size);
    std::string buffer;
    size_t offset = 0;
    do {
      buffer.resize(std::min(kChunk, size - offset));
      CC_RETURN_IF_ERROR(Annotate(ReadFull(fd.get(), buffer.data(), buffer.size()),
                                  StrCat("copy ", host_path, " into the guest")));
      request.set_offset(static_cast<int64_t>(offset));
      request.set_data(buffer);
      CC_RETURN_IF_ERROR(Send(host_path, request));
      offset += buffer.size();
    } while (offset < size);
    return absl::OkStatus();
  }

  absl::Status CopyLink(const std::string& host_path, grpc::CopyFileRequest& request) {
    std::array<char, PATH_MAX> target;
    const ssize_t n = ::readlink(host_path.c_str(), target.data(), target.size());
    if (n < 0) return ErrnoStatus(errno, StrCat("copy link ", host_path, " into the guest"));
    request.set_data(target.data(), static_cast<size_t>(n));
    request.set_file_size(n);
    return Send(host_path, request);
  }

  absl::Status CopyDirectory(const std::string& host_path, const grpc::CopyFileRequest& request) {
    CC_RETURN_IF_ERROR(Send(host_path, request));
    const std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(host_path.c_str()), ::closedir);
    if (dir == nullptr) return ErrnoStatus(errno, StrCat("read directory ", host_path));
    while (const dirent* entry = ::readdir(dir.get())) {
      const std::string_view name = entry->d_name;
      if (name == "." || name == "..") continue;
      CC_RETURN_IF_ERROR(Copy(StrCat(host_path, "/", name), StrCat(request.path(), "/", name), false));
    }
    return absl::OkStatus();
  }

  const CopyFileCall& copy_file_;
  size_t entries_ = 0;
  size_t bytes_ = 0;
};

}  // namespace

absl::Status CopyIntoGuest(const std::vector<HostCopy>& copies, const CopyFileCall& copy_file) {
  Copier copier(copy_file);
  for (const HostCopy& copy : copies) {
    CC_RETURN_IF_ERROR(copier.Copy(copy.host_path, copy.guest_path, true));
  }
  return absl::OkStatus();
}

}  // namespace cc::shim
