// SPDX-License-Identifier: Apache-2.0
#include "image/user.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <string>

#include "base/file.h"
#include "base/status.h"
#include "base/strings.h"

namespace cc::image {
namespace {

constexpr size_t kMaxFile = 4 << 20;
constexpr uint32_t kMaxId = 0x7fffffff;  // as in containerd

struct PasswdEntry {
  std::string_view name;
  uint32_t uid, gid;
};
struct GroupEntry {
  std::string_view name;
  uint32_t gid;
  std::string_view members;
};

std::optional<uint32_t> ParseId(std::string_view text) {
  uint32_t id = 0;
  if (!ParseNumber(text, &id) || id > kMaxId) return std::nullopt;
  return id;
}

// Calls `match` for each well-formed line until it returns true.
template <typename Match>
std::optional<PasswdEntry> FindUser(std::string_view passwd, Match match) {
  for (std::string_view line : StrSplit(passwd, '\n')) {
    const std::vector<std::string_view> fields = StrSplit(StrTrim(line), ':');
    if (fields.size() < 4 || fields[0].empty() || fields[0].front() == '#') continue;
    const auto uid = ParseId(fields[2]), gid = ParseId(fields[3]);
    if (!uid || !gid) continue;
    const PasswdEntry entry{fields[0], *uid, *gid};
    if (match(entry)) return entry;
  }
  return std::nullopt;
}

template <typename Visit>
void VisitGroups(std::string_view group, Visit visit) {
  for (std::string_view line : StrSplit(group, '\n')) {
    const std::vector<std::string_view> fields = StrSplit(StrTrim(line), ':');
    if (fields.size() < 3 || fields[0].empty() || fields[0].front() == '#') continue;
    const auto gid = ParseId(fields[2]);
    if (gid) visit(GroupEntry{fields[0], *gid, fields.size() > 3 ? fields[3] : std::string_view()});
  }
}

void AddSupplementaryGroups(std::string_view user_name, std::string_view group, ProcessUser* user) {
  VisitGroups(group, [&](const GroupEntry& entry) {
    const std::vector<std::string_view> members = StrSplit(entry.members, ',');
    if (std::find(members.begin(), members.end(), user_name) == members.end()) return;
    auto& gids = user->additional_gids;
    if (std::find(gids.begin(), gids.end(), entry.gid) == gids.end()) gids.push_back(entry.gid);
  });
}

absl::StatusOr<std::string> ReadInRoot(int rootfs_fd, const char* path) {
  open_how how{};
  how.flags = O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  const UniqueFd fd(static_cast<int>(::syscall(SYS_openat2, rootfs_fd, path, &how, sizeof(how))));
  // An image without the file, or with something else in its place, knows no names.
  struct stat st;
  if (!fd || ::fstat(fd.get(), &st) != 0 || !S_ISREG(st.st_mode)) return std::string();
  std::string content;
  std::array<char, 16384> buffer;
  while (true) {
    CC_ASSIGN_OR_RETURN(const size_t n, ReadSome(fd.get(), buffer));
    if (n == 0) return content;
    if (content.size() + n > kMaxFile) {
      return absl::ResourceExhaustedError(
          StrCat("the image's ", path, " is larger than ", kMaxFile, " bytes"));
    }
    content.append(buffer.data(), n);
  }
}

}  // namespace

absl::StatusOr<ProcessUser> ResolveUser(std::string_view user, std::string_view passwd,
                                        std::string_view group) {
  const std::vector<std::string_view> parts = StrSplit(user, ':');
  if (parts.size() > 2 || (parts.size() == 2 && (parts[0].empty() || parts[1].empty()))) {
    return absl::InvalidArgumentError(
        StrCat("the image's user '", user.substr(0, 100), "' is not user[:group]"));
  }
  ProcessUser result;
  std::optional<PasswdEntry> entry;
  if (user.empty()) {
    entry = FindUser(passwd, [](const PasswdEntry& e) { return e.name == "root"; });
  } else if (const std::optional<uint32_t> uid = ParseId(parts[0])) {
    result.uid = *uid;
    entry = FindUser(passwd, [&](const PasswdEntry& e) { return e.uid == *uid; });
    if (entry) result.gid = entry->gid;
  } else {
    entry = FindUser(passwd, [&](const PasswdEntry& e) { return e.name == parts[0]; });
    if (!entry) {
      return absl::NotFoundError(
          StrCat("the image's user '", parts[0].substr(0, 100), "' is not in its /etc/passwd"));
    }
    result.uid = entry->uid;
    result.gid = entry->gid;
  }
  if (parts.size() == 2) {
    std::optional<uint32_t> gid = ParseId(parts[1]);
    if (!gid) {
      VisitGroups(group, [&](const GroupEntry& e) {
        if (!gid && e.name == parts[1]) gid = e.gid;
      });
    }
    if (!gid) {
      return absl::NotFoundError(
          StrCat("the image's group '", parts[1].substr(0, 100), "' is not in its /etc/group"));
    }
    result.gid = *gid;
  }
  result.additional_gids.push_back(result.gid);
  if (entry) AddSupplementaryGroups(entry->name, group, &result);
  return result;
}

absl::StatusOr<ProcessUser> ResolveUserIn(int rootfs_fd, std::string_view user) {
  CC_ASSIGN_OR_RETURN(const std::string passwd, ReadInRoot(rootfs_fd, "/etc/passwd"));
  CC_ASSIGN_OR_RETURN(const std::string group, ReadInRoot(rootfs_fd, "/etc/group"));
  return ResolveUser(user, passwd, group);
}

}  // namespace cc::image
