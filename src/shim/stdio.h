// SPDX-License-Identifier: Apache-2.0
// The host's ends of a process's standard streams, as the URIs of a Create or Exec request name them: a FIFO
// (plain path), file://path, or binary://logger?arguments.
#ifndef CC_SHIM_STDIO_H_
#define CC_SHIM_STDIO_H_

#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/process.h"
#include "base/unique_fd.h"

namespace cc::shim {

struct StdioPaths {
  std::string in;
  std::string out;
  std::string err;
  bool terminal = false;
  // Clients may come and go until the input is closed by call. Without it the last one that goes ends the
  // input, as with containerd's runc shim: `ctr` may have read the end of its own input before it knows whom
  // to tell.
  bool reattachable = true;
};

// Where output goes. Empty path: thrown away. Thread-compatible.
class OutputEnd {
 public:
  OutputEnd() = default;
  // `guard` keeps a FIFO's reading side open: no SIGPIPE and nothing lost while a client detaches.
  OutputEnd(UniqueFd writer, UniqueFd guard) : writer_(std::move(writer)), guard_(std::move(guard)) {}

  bool valid() const { return writer_.valid(); }
  int fd() const { return writer_.get(); }

 private:
  UniqueFd writer_;
  UniqueFd guard_;
};

// Where input comes from. With a guard, the end of the stream is seen only after Close and after every client
// has closed: until then clients may detach and attach again. Close may be called from any thread.
class InputEnd {
 public:
  // Before any other call.
  void Adopt(UniqueFd reader, UniqueFd guard) {
    reader_ = std::move(reader);
    guard_ = std::move(guard);
  }

  bool valid() const { return reader_.valid(); }
  int fd() const { return reader_.get(); }
  void Close();
  // Closes the reading side too. Nobody may be reading.
  void Drop() {
    Close();
    reader_.reset();
  }

 private:
  UniqueFd reader_;
  std::mutex mutex_;
  UniqueFd guard_;
};

struct Stdio {
  InputEnd in;
  OutputEnd out;
  OutputEnd err;
  Child logger;  // of a binary:// URI
};

// Opens all three without blocking. NotFound for a FIFO that is not there, InvalidArgument for an unknown
// scheme. `container_id` and `namespace_name` go to a logging binary's environment.
absl::Status OpenStdio(const StdioPaths& paths, const std::string& container_id,
                       const std::string& namespace_name, Stdio* stdio);

// A URI's scheme ("fifo" when it has none), path and query arguments in order ("k", "v" pairs, decoded).
struct StreamUri {
  std::string scheme;
  std::string path;
  std::vector<std::string> arguments;
};
absl::StatusOr<StreamUri> ParseStreamUri(std::string_view uri);

}  // namespace cc::shim

#endif  // CC_SHIM_STDIO_H_
