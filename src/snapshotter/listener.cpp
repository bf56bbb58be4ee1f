// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/listener.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "base/socket.h"
#include "base/status.h"
#include "base/strings.h"

namespace cc::snapshotter {
namespace {

constexpr int kFirstInheritedFd = 3;  // SD_LISTEN_FDS_START

absl::StatusOr<std::string> DirectoryOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos || slash == 0) {
    return absl::InvalidArgumentError(
        StrCat("socket ", path, " must have an absolute path in a directory of its own"));
  }
  return path.substr(0, slash);
}

absl::Status CheckDirectory(const std::string& dir) {
  struct stat info {};
  if (::lstat(dir.c_str(), &info) != 0) return ErrnoStatus(errno, StrCat("look at ", dir));
  if (!S_ISDIR(info.st_mode) || info.st_uid != ::geteuid() || (info.st_mode & 077) != 0) {
    return absl::FailedPreconditionError(StrCat(
        dir, " must be a directory of this user with mode 0700, as the socket in it controls containers"));
  }
  return absl::OkStatus();
}

// Whether the variables are meant for this process and not left over from a parent.
bool IsActivated() {
  const char* pid = std::getenv("LISTEN_PID");
  return pid != nullptr && StrCat(::getpid()) == pid;
}

int OptionOf(int fd, int option) {
  int value = -1;
  socklen_t size = sizeof(value);
  return ::getsockopt(fd, SOL_SOCKET, option, &value, &size) == 0 ? value : -1;
}

// The path that a listening unix stream socket is bound to.
absl::StatusOr<std::string> PathOf(int fd) {
  if (OptionOf(fd, SO_DOMAIN) != AF_UNIX || OptionOf(fd, SO_TYPE) != SOCK_STREAM ||
      OptionOf(fd, SO_ACCEPTCONN) != 1) {
    return absl::FailedPreconditionError(
        "the inherited descriptor is no listening unix stream socket; the socket unit needs ListenStream "
        "with a "
        "path, and no Accept");
  }
  sockaddr_un address{};
  socklen_t size = sizeof(address);
  // SAFETY: the sockets API takes every address family through sockaddr*; the domain was checked.
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    return ErrnoStatus(errno, "name of the inherited socket");
  }
  const size_t length = size - offsetof(sockaddr_un, sun_path);
  return std::string(address.sun_path, ::strnlen(address.sun_path, length));
}

absl::StatusOr<UniqueFd> Inherit(const std::string& path) {
  const char* count = std::getenv("LISTEN_FDS");
  if (count == nullptr || std::string_view(count) != "1") {
    return absl::FailedPreconditionError(
        StrCat("one inherited socket is expected, LISTEN_FDS is '", count == nullptr ? "" : count, "'"));
  }
  UniqueFd fd(kFirstInheritedFd);
  if (::fcntl(fd.get(), F_SETFD, FD_CLOEXEC) != 0) return ErrnoStatus(errno, "inherit a socket");
  CC_ASSIGN_OR_RETURN(const std::string bound, PathOf(fd.get()));
  if (bound != path) {
    return absl::FailedPreconditionError(StrCat("the inherited socket is '", bound,
                                                "', the configuration says '", path,
                                                "'; ListenStream of the socket unit and address must agree"));
  }
  return fd;
}

}  // namespace

absl::StatusOr<Listener> Listener::Open(const std::string& path) {
  CC_ASSIGN_OR_RETURN(const std::string dir, DirectoryOf(path));
  if (IsActivated()) {
    CC_ASSIGN_OR_RETURN(UniqueFd fd, Inherit(path));
    CC_RETURN_IF_ERROR(CheckDirectory(dir));
    return Listener(std::move(fd), path, /*inherited=*/true);
  }
  if (::mkdir(dir.c_str(), 0700) != 0 && errno != EEXIST) {
    return ErrnoStatus(errno, StrCat("make directory ", dir));
  }
  CC_RETURN_IF_ERROR(CheckDirectory(dir));
  CC_ASSIGN_OR_RETURN(UniqueFd fd, ListenUnix(path, 0600));
  return Listener(std::move(fd), path, /*inherited=*/false);
}

Listener::~Listener() {
  if (fd_ && !inherited_) ::unlink(path_.c_str());
}

}  // namespace cc::snapshotter
