// SPDX-License-Identifier: Apache-2.0
#include "agent/storage/bind_sources.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/beneath.h"
#include "base/file.h"
#include "base/status.h"
#include "base/strings.h"

namespace cc::agent {

BindSources::~BindSources() {
  for (auto path = mounted_.rbegin(); path != mounted_.rend(); ++path) {
    ::umount2(path->c_str(), MNT_DETACH | UMOUNT_NOFOLLOW);
  }
}

absl::Status BindSources::Pin(std::string* source, bool recursive) {
  CC_ASSIGN_OR_RETURN(UniqueFd fd, OpenBeneath(base_fd_, source->substr(base_.size()), O_PATH | O_NOFOLLOW));
  struct stat st {};
  if (::fstat(fd.get(), &st) != 0) return ErrnoStatus(errno, StrCat("look at ", *source));
  if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode)) {
    return absl::PermissionDeniedError(StrCat(*source, " is neither a directory nor a regular file"));
  }
  const std::string directory = StrCat(bundle_, "/mounts");
  if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
    return ErrnoStatus(errno, StrCat("create ", directory));
  }
  const std::string target = StrCat(directory, "/", mounted_.size());
  if (S_ISDIR(st.st_mode)) {
    if (::mkdir(target.c_str(), 0700) != 0) return ErrnoStatus(errno, StrCat("create ", target));
  } else {
    CC_RETURN_IF_ERROR(OpenFile(target, O_CREAT | O_WRONLY | O_EXCL, 0600).status());
  }
  const unsigned long flags = MS_BIND | (recursive ? static_cast<unsigned long>(MS_REC) : 0UL);
  if (::mount(StrCat("/proc/self/fd/", fd.get()).c_str(), target.c_str(), nullptr, flags, nullptr) != 0) {
    return ErrnoStatus(errno, StrCat("mount ", *source));
  }
  mounted_.push_back(target);
  *source = target;
  return absl::OkStatus();
}

}  // namespace cc::agent
