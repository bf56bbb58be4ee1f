// SPDX-License-Identifier: Apache-2.0
// Who an image's process runs as: its "User" resolved against the image's own /etc/passwd and /etc/group, the
// way containerd does.
#ifndef CC_IMAGE_USER_H_
#define CC_IMAGE_USER_H_

#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace cc::image {

struct ProcessUser {
  uint32_t uid = 0;
  uint32_t gid = 0;
  std::vector<uint32_t> additional_gids;  // the primary group first
};

// `user` is "", "name", "uid", "name:group", "uid:gid" or a mixture; `passwd` and `group` are the files'
// contents. NotFound for a name that is in neither.
absl::StatusOr<ProcessUser> ResolveUser(std::string_view user, std::string_view passwd,
                                        std::string_view group);

// The same with the files read beneath `rootfs_fd`; symbolic links stay inside it, files above 4 MiB are
// refused.
absl::StatusOr<ProcessUser> ResolveUserIn(int rootfs_fd, std::string_view user);

}  // namespace cc::image

#endif  // CC_IMAGE_USER_H_
