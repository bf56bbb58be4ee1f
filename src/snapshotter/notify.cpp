// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/notify.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "base/status.h"
#include "base/strings.h"
#include "base/unique_fd.h"

namespace cc::snapshotter {

absl::Status NotifySystemd(std::string_view state) {
  const char* variable = std::getenv("NOTIFY_SOCKET");
  if (variable == nullptr) return absl::OkStatus();
  const std::string_view path = variable;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path) || (path[0] != '/' && path[0] != '@')) {
    return absl::InvalidArgumentError(StrCat("NOTIFY_SOCKET '", path, "' is no unix socket"));
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  if (path[0] == '@') address.sun_path[0] = '\0';  // the abstract name space
  const UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  // SAFETY: the sockets API takes every address family through sockaddr*.
  const auto* target = reinterpret_cast<const sockaddr*>(&address);
  if (!fd || ::sendto(fd.get(), state.data(), state.size(), MSG_NOSIGNAL, target, size) < 0) {
    return ErrnoStatus(errno, StrCat("notify systemd at ", path));
  }
  return absl::OkStatus();
}

}  // namespace cc::snapshotter
