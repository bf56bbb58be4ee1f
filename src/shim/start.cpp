// SPDX-License-Identifier: Apache-2.0
#include "shim/start.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/file.h"
#include "base/socket.h"
#include "base/status.h"
#include "base/strings.h"
#include "shim/bundle.h"

namespace cc::shim {
namespace {

constexpr char kScheme[] = "unix://";
// What the daemon keeps open, beside 0 to 2.
constexpr int kListenerFd = 3;

absl::Status MakeSocketDir(const std::string& dir) {
  for (size_t at = 1; at != std::string::npos;) {
    at = dir.find('/', at + 1);
    if (::mkdir(dir.substr(0, at).c_str(), 0711) != 0 && errno != EEXIST) {
      return ErrnoStatus(errno, StrCat("make socket directory ", dir));
    }
  }
  return absl::OkStatus();
}

bool Answers(const std::string& socket_path) { return ConnectUnix(socket_path).ok(); }

// The kernel should kill a shim before containerd when memory is short, so its score is the parent's plus
// one.
void AdjustOomScore() {
  absl::StatusOr<std::string> text = ReadFile(StrCat("/proc/", ::getppid(), "/oom_score_adj"), 64);
  if (!text.ok()) return;
  const std::string_view trimmed = StrTrim(*text);
  const bool negative = trimmed.starts_with('-');
  uint32_t size = 0;
  if (!ParseNumber(trimmed.substr(negative ? 1 : 0), &size) || size > 1000) return;
  const int score = std::min((negative ? -static_cast<int>(size) : static_cast<int>(size)) + 1, 1000);
  absl::StatusOr<UniqueFd> file = OpenFile("/proc/self/oom_score_adj", O_WRONLY);
  if (file.ok()) WriteFull(file->get(), std::to_string(score)).IgnoreError();
}

// Leaves nothing of the caller's: own session, no inherited descriptor but the listener.
UniqueFd Detach(UniqueFd listener) {
  ::setsid();
  ::umask(022);
  UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  for (int fd = 0; fd <= 2; ++fd) ::dup2(null.get(), fd);
  if (null.get() <= 2) null.release();
  null.reset();
  if (listener.get() != kListenerFd) {
    ::dup3(listener.get(), kListenerFd, O_CLOEXEC);
    listener.reset(kListenerFd);
  }
  ::syscall(SYS_close_range, static_cast<unsigned>(kListenerFd + 1), ~0U, 0U);
  return listener;
}

// Leaves no daemon when it fails.
absl::Status Launch(const DaemonOptions& options, const std::string& address, UniqueFd listener,
                    const DaemonMain& daemon) {
  CC_RETURN_IF_ERROR(WriteFileAtomic("address", address));
  const pid_t pid = ::fork();
  if (pid < 0) return ErrnoStatus(errno, "fork the daemon");
  if (pid == 0) {
    AdjustOomScore();
    ::_exit(daemon(options, Detach(std::move(listener))));
  }
  absl::Status status = WriteFileAtomic("shim.pid", std::to_string(pid));
  if (!status.ok()) {
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
  }
  return status;
}

}  // namespace

absl::StatusOr<std::string> Start(const Flags& flags, const Bootstrap& bootstrap, const DaemonMain& daemon) {
  if (flags.id.empty() || flags.namespace_name.empty()) {
    return absl::InvalidArgumentError("start: -id and -namespace must be given");
  }
  // A sandbox of the Sandbox API has no specification; a container without one is refused by Create.
  absl::StatusOr<std::string> spec = ReadSpecText(".");
  if (!spec.ok() && !absl::IsNotFound(spec.status())) return spec.status();
  Annotations annotations;
  if (spec.ok()) {
    CC_ASSIGN_OR_RETURN(annotations, ReadAnnotations(*spec));
  }
  const Grouping grouping = GroupingOf(flags.id, annotations);
  const std::string socket_path =
      SocketPath(bootstrap.socket_dir, bootstrap.grpc_address, flags.namespace_name, grouping.sandbox_id);
  const std::string address = kScheme + socket_path;
  const bool running = Answers(socket_path);
  if (grouping.kind == ContainerKind::kMember) {
    if (!running) {
      return absl::NotFoundError(StrCat("start container ", flags.id, ": no shim runs for its sandbox ",
                                        grouping.sandbox_id, " (", socket_path, " does not answer)"));
    }
    CC_RETURN_IF_ERROR(WriteFileAtomic("address", address));
    return FormatReply(bootstrap.reply, address);
  }
  if (running) {
    return absl::AlreadyExistsError(
        StrCat("start ", flags.id, ": a shim of this id already exists on ", socket_path));
  }

  CC_RETURN_IF_ERROR(MakeSocketDir(bootstrap.socket_dir));
  CC_ASSIGN_OR_RETURN(UniqueFd listener, ListenUnix(socket_path, 0600));
  const DaemonOptions options{.namespace_name = flags.namespace_name,
                              .id = grouping.sandbox_id,
                              .grpc_address = bootstrap.grpc_address,
                              .ttrpc_address = bootstrap.ttrpc_address,
                              .socket_path = socket_path,
                              .debug = bootstrap.debug,
                              .options = bootstrap.options};
  if (absl::Status status = Launch(options, address, std::move(listener), daemon); !status.ok()) {
    ::unlink(socket_path.c_str());  // containerd calls no `delete` after a failed start
    return status;
  }
  return FormatReply(bootstrap.reply, address);
}

}  // namespace cc::shim
