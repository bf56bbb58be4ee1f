// SPDX-License-Identifier: Apache-2.0
#include "shim/termination_log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/file.h"
#include "base/status.h"
#include "base/strings.h"

namespace cc::shim {

absl::Status WriteTerminationMessage(const TerminationLog& log, std::string_view message) {
  if (message.empty()) return absl::OkStatus();
  if (message.size() > kMaxTerminationMessage) message.remove_prefix(message.size() - kMaxTerminationMessage);
  CC_ASSIGN_OR_RETURN(const UniqueFd file, OpenFile(log.host_path, O_WRONLY | O_NOFOLLOW | O_NONBLOCK));
  struct stat st {};
  if (::fstat(file.get(), &st) != 0 || !S_ISREG(st.st_mode) || st.st_dev != log.device ||
      st.st_ino != log.inode) {
    return absl::FailedPreconditionError(
        StrCat("write the termination message: ", log.host_path, " is not the file that was mounted"));
  }
  if (::ftruncate(file.get(), 0) != 0) return ErrnoStatus(errno, StrCat("empty ", log.host_path));
  return Annotate(WriteFull(file.get(), message), StrCat("write the termination message to ", log.host_path));
}

}  // namespace cc::shim
