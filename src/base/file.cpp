// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "base/status.h"
#include "base/strings.h"

namespace cc {

absl::StatusOr<UniqueFd> OpenFile(const std::string& path, int flags, unsigned mode) {
  int fd;
  do {
    fd = ::open(path.c_str(), flags | O_CLOEXEC, mode);
  } while (fd < 0 && errno == EINTR);
  if (fd < 0) return ErrnoStatus(errno, StrCat("open ", path));
  return UniqueFd(fd);
}

absl::StatusOr<size_t> ReadSome(int fd, std::span<char> buffer) {
  ssize_t n;
  do {
    n = ::read(fd, buffer.data(), buffer.size());
  } while (n < 0 && errno == EINTR);
  if (n < 0) return ErrnoStatus(errno, "read");
  return static_cast<size_t>(n);
}

absl::StatusOr<std::string> ReadFile(const std::string& path, size_t limit) {
  CC_ASSIGN_OR_RETURN(UniqueFd fd, OpenFile(path, O_RDONLY));
  std::string content;
  std::array<char, 16384> buffer;
  while (true) {
    absl::StatusOr<size_t> n = ReadSome(fd.get(), buffer);
    if (!n.ok()) return Annotate(n.status(), path);
    if (*n == 0) return content;
    if (content.size() + *n > limit) {
      return absl::ResourceExhaustedError(StrCat(path, " is longer than ", limit, " bytes"));
    }
    content.append(buffer.data(), *n);
  }
}

absl::Status WriteFileAtomic(const std::string& path, std::string_view content, unsigned mode) {
  const std::string temporary = StrCat(path, ".tmp", ::getpid());
  CC_ASSIGN_OR_RETURN(UniqueFd fd, OpenFile(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode));
  absl::Status status = WriteFull(fd.get(), content);
  if (status.ok() && ::rename(temporary.c_str(), path.c_str()) != 0) {
    status = ErrnoStatus(errno, "rename over it");
  }
  if (!status.ok()) {
    ::unlink(temporary.c_str());
    return Annotate(status, StrCat("write ", path));
  }
  return absl::OkStatus();
}

absl::Status ReadFull(int fd, void* data, size_t size) {
  return ReadFull(fd, std::span<std::byte>(static_cast<std::byte*>(data), size));
}

absl::Status ReadFull(int fd, std::span<std::byte> buffer) {
  while (!buffer.empty()) {
    CC_ASSIGN_OR_RETURN(size_t n,
                        ReadSome(fd, std::span<char>(reinterpret_cast<char*>(buffer.data()), buffer.size())));
    if (n == 0) return absl::OutOfRangeError("end of file");
    buffer = buffer.subspan(n);
  }
  return absl::OkStatus();
}

absl::Status WriteFull(int fd, std::string_view data) {
  while (!data.empty()) {
    const ssize_t n = ::write(fd, data.data(), data.size());
    if (n < 0) {
      if (errno == EINTR) continue;
      return ErrnoStatus(errno, "write");
    }
    data.remove_prefix(static_cast<size_t>(n));
  }
  return absl::OkStatus();
}

absl::StatusOr<TempDir> TempDir::Create(const std::string& prefix) {
  std::string path = prefix + "XXXXXX";
  if (::mkdtemp(path.data()) == nullptr) return ErrnoStatus(errno, StrCat("make directory ", path));
  return TempDir(std::move(path));
}

TempDir& TempDir::operator=(TempDir&& other) noexcept {
  std::swap(path_, other.path_);
  return *this;
}

TempDir::~TempDir() {
  if (path_.empty()) return;
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace cc
