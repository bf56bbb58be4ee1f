// SPDX-License-Identifier: Apache-2.0
#include "agent/run/bundle.h"

#include <sys/mount.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "base/file.h"
#include "base/status.h"
#include "base/strings.h"

namespace cc::agent {
namespace {

constexpr size_t kMaxMountinfo = 4 << 20;

bool IsOctal(char c) { return c >= '0' && c <= '7'; }

// mountinfo writes blank, tab, newline and backslash as \ooo.
std::string Unescape(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size() && IsOctal(text[i + 1]) && IsOctal(text[i + 2]) &&
        IsOctal(text[i + 3])) {
      out.push_back(
          static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0')));
      i += 3;
    } else {
      out.push_back(text[i]);
    }
  }
  return out;
}

}  // namespace

std::vector<std::string> MountsBeneath(std::string_view mountinfo, std::string_view directory) {
  const std::string prefix = StrCat(directory, "/");
  std::vector<std::string> out;
  for (std::string_view line : StrSplit(mountinfo, '\n')) {
    const std::vector<std::string_view> fields = StrSplit(line, ' ');
    if (fields.size() < 5) continue;
    std::string point = Unescape(fields[4]);
    if (point.compare(0, prefix.size(), prefix) == 0) out.push_back(std::move(point));
  }
  std::reverse(out.begin(), out.end());
  return out;
}

absl::Status CreateBundle(const std::string& path) {
  if (::mkdir(path.c_str(), 0755) != 0) return ErrnoStatus(errno, StrCat("create bundle ", path));
  return absl::OkStatus();
}

absl::Status RemoveBundle(const std::string& path) {
  CC_ASSIGN_OR_RETURN(std::string mountinfo, ReadFile("/proc/self/mountinfo", kMaxMountinfo));
  for (const std::string& point : MountsBeneath(mountinfo, path)) {
    if (::umount2(point.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) != 0 && errno != EINVAL && errno != ENOENT) {
      return ErrnoStatus(errno, StrCat("unmount ", point));
    }
  }
  CC_ASSIGN_OR_RETURN(mountinfo, ReadFile("/proc/self/mountinfo", kMaxMountinfo));
  if (!MountsBeneath(mountinfo, path).empty()) {
    return absl::FailedPreconditionError(
        StrCat("remove bundle ", path, ": something is still mounted in it"));
  }
  std::error_code error;
  std::filesystem::remove_all(path, error);
  if (error) return ErrnoStatus(error.value(), StrCat("remove bundle ", path));
  return absl::OkStatus();
}

}  // namespace cc::agent
