// SPDX-License-Identifier: Apache-2.0
#include "shim/stdio.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "base/file.h"
#include "base/socket.h"
#include "base/status.h"
#include "base/strings.h"
#include "shim/percent.h"

namespace cc::shim {
namespace {

constexpr std::chrono::seconds kLoggerReadyTimeout{10};

absl::StatusOr<OutputEnd> OpenFifoOutput(const std::string& path) {
  // The reading side first, so that opening for writing does not wait for a client.
  CC_ASSIGN_OR_RETURN(UniqueFd guard, OpenFile(path, O_RDONLY | O_NONBLOCK));
  struct stat st;
  if (::fstat(guard.get(), &st) != 0) return ErrnoStatus(errno, StrCat("examine ", path));
  CC_ASSIGN_OR_RETURN(UniqueFd writer, OpenFile(path, O_WRONLY | O_NONBLOCK | O_APPEND));
  if (!S_ISFIFO(st.st_mode)) guard.reset();
  return OutputEnd(std::move(writer), std::move(guard));
}

absl::StatusOr<OutputEnd> OpenFileOutput(const std::string& path) {
  std::error_code ignored;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), ignored);
  CC_ASSIGN_OR_RETURN(UniqueFd writer, OpenFile(path, O_WRONLY | O_APPEND | O_CREAT, 0644));
  return OutputEnd(std::move(writer), UniqueFd());
}

absl::StatusOr<OutputEnd> OpenOutput(const std::string& uri) {
  if (uri.empty()) return OutputEnd();
  CC_ASSIGN_OR_RETURN(const StreamUri parsed, ParseStreamUri(uri));
  if (parsed.scheme == "fifo") return OpenFifoOutput(parsed.path);
  if (parsed.scheme == "file") return OpenFileOutput(parsed.path);
  return absl::InvalidArgumentError(StrCat("open ", uri, ": scheme is none of fifo, file, binary"));
}

absl::StatusOr<std::pair<UniqueFd, UniqueFd>> Pipe() {
  std::array<int, 2> fds;
  if (::pipe2(fds.data(), O_CLOEXEC) != 0) return ErrnoStatus(errno, "create pipe");
  return std::pair(UniqueFd(fds[0]), UniqueFd(fds[1]));
}

// Contract of containerd's logging binaries: 3 = stdout, 4 = stderr, 5 = closed when ready.
absl::Status OpenLogger(const StreamUri& uri, const std::string& container_id,
                        const std::string& namespace_name, Stdio* stdio) {
  CC_ASSIGN_OR_RETURN(auto out, Pipe());
  CC_ASSIGN_OR_RETURN(auto err, Pipe());
  CC_ASSIGN_OR_RETURN(auto ready, Pipe());
  SpawnOptions options;
  options.argv = {uri.path};
  options.argv.insert(options.argv.end(), uri.arguments.begin(), uri.arguments.end());
  options.env = {StrCat("CONTAINER_ID=", container_id), StrCat("CONTAINER_NAMESPACE=", namespace_name)};
  if (const char* path = std::getenv("PATH")) options.env->push_back(StrCat("PATH=", path));
  options.fds = {{out.first.get(), 3}, {err.first.get(), 4}, {ready.second.get(), 5}};
  CC_ASSIGN_OR_RETURN(stdio->logger, Spawn(options));
  ready.second.reset();
  CC_RETURN_IF_ERROR(
      Annotate(WaitReadable(ready.first.get(), kLoggerReadyTimeout), StrCat("wait for logger ", uri.path)));
  for (auto* end : {&out, &err}) {
    if (::fcntl(end->second.get(), F_SETFL, O_NONBLOCK) != 0) return ErrnoStatus(errno, "set O_NONBLOCK");
  }
  stdio->out = OutputEnd(std::move(out.second), UniqueFd());
  stdio->err = OutputEnd(std::move(err.second), UniqueFd());
  return absl::OkStatus();
}

}  // namespace

void InputEnd::Close() {
  const std::lock_guard lock(mutex_);
  guard_.reset();
}

absl::StatusOr<StreamUri> ParseStreamUri(std::string_view uri) {
  StreamUri result{.scheme = "fifo", .path = {}, .arguments = {}};
  const size_t at = uri.find("://");
  if (at == std::string_view::npos) {
    result.path = uri;
  } else {
    result.scheme = uri.substr(0, at);
    const SplitPair parts = SplitOnce(uri.substr(at + 3), '?');
    result.path = DecodePercent(parts.first);
    if (!parts.second.empty()) {
      for (std::string_view pair : StrSplit(parts.second, '&')) {
        const SplitPair entry = SplitOnce(pair, '=');
        result.arguments.push_back(DecodeQuery(entry.first));
        if (!entry.second.empty()) result.arguments.push_back(DecodeQuery(entry.second));
      }
    }
  }
  if (result.path.empty() || result.path[0] != '/') {
    return absl::InvalidArgumentError(StrCat("stream ", uri, ": must name an absolute path"));
  }
  return result;
}

absl::Status OpenStdio(const StdioPaths& paths, const std::string& container_id,
                       const std::string& namespace_name, Stdio* stdio) {
  if (!paths.in.empty()) {
    CC_ASSIGN_OR_RETURN(UniqueFd reader, OpenFile(paths.in, O_RDONLY | O_NONBLOCK));
    UniqueFd guard;
    if (paths.reattachable) {
      CC_ASSIGN_OR_RETURN(guard, OpenFile(paths.in, O_WRONLY | O_NONBLOCK));
    }
    stdio->in.Adopt(std::move(reader), std::move(guard));
  }
  if (paths.out.starts_with("binary://")) {
    CC_ASSIGN_OR_RETURN(const StreamUri uri, ParseStreamUri(paths.out));
    return OpenLogger(uri, container_id, namespace_name, stdio);
  }
  CC_ASSIGN_OR_RETURN(stdio->out, OpenOutput(paths.out));
  if (!paths.terminal) {
    CC_ASSIGN_OR_RETURN(stdio->err, OpenOutput(paths.err));
  }
  return absl::OkStatus();
}

}  // namespace cc::shim
