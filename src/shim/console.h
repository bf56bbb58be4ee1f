// SPDX-License-Identifier: Apache-2.0
// The guest's console, line by line into the log; its last lines explain a failed boot.
#ifndef CC_SHIM_CONSOLE_H_
#define CC_SHIM_CONSOLE_H_

#include <mutex>
#include <string>

#include "absl/status/statusor.h"
#include "base/thread.h"
#include "base/unique_fd.h"

namespace cc::shim {

// Thread-safe. What the guest writes is hostile: lines are cut, control characters escaped by the log.
class Console {
 public:
  // Returns the writing end for the VM; when all its copies are closed the reading ends.
  absl::StatusOr<UniqueFd> Open();
  // The last lines, without control characters.
  std::string Tail() const;

 private:
  void Read(UniqueFd fd);
  void Line(std::string_view line);

  mutable std::mutex mutex_;
  std::string tail_;
  Thread reader_;
};

}  // namespace cc::shim

#endif  // CC_SHIM_CONSOLE_H_
