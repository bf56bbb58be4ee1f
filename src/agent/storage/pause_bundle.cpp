// SPDX-License-Identifier: Apache-2.0
#include "agent/storage/pause_bundle.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <cerrno>

#include "base/file.h"
#include "base/status.h"
#include "base/strings.h"

namespace cc::agent {

absl::Status MakePauseBundle(const std::string& bundle, const std::string& program, grpc::Process* process) {
  const std::string rootfs = StrCat(bundle, "/rootfs");
  const std::string target = StrCat(rootfs, "/pause");
  if (::mkdir(rootfs.c_str(), 0755) != 0) return ErrnoStatus(errno, StrCat("create ", rootfs));
  CC_RETURN_IF_ERROR(OpenFile(target, O_CREAT | O_WRONLY | O_EXCL, 0555).status());
  if (::mount(program.c_str(), target.c_str(), nullptr, MS_BIND, nullptr) != 0) {
    return ErrnoStatus(errno, StrCat("mount the pause program ", program));
  }
  if (::mount(nullptr, target.c_str(), nullptr, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV,
              nullptr) != 0) {
    const int error = errno;
    ::umount2(target.c_str(), MNT_DETACH);
    return ErrnoStatus(error, "make the pause program read-only");
  }
  process->clear_args();
  process->add_args("/pause");
  process->set_cwd("/");
  process->set_terminal(false);
  return absl::OkStatus();
}

}  // namespace cc::agent
