// SPDX-License-Identifier: Apache-2.0
#include "trustee/key_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/file.h"
#include "base/status.h"
#include "base/strings.h"
#include "jose/digest.h"
#include "jose/openssl.h"

namespace cc::trustee {
namespace {

constexpr size_t kMaxPem = 64 << 10;

}  // namespace

absl::StatusOr<jose::Key> LoadKey(const std::string& path) {
  CC_ASSIGN_OR_RETURN(const UniqueFd fd, OpenFile(path, O_RDONLY));
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return ErrnoStatus(errno, StrCat("read key ", path));
  if ((info.st_mode & 077) != 0) {
    return absl::PermissionDeniedError(
        StrCat("read key ", path, ": others may read it; run chmod 600 ", path));
  }
  CC_ASSIGN_OR_RETURN(std::string pem, ReadFile(path, kMaxPem));
  absl::StatusOr<jose::Key> key = jose::Key::FromPem(pem);
  jose::Cleanse(pem);
  if (!key.ok()) return Annotate(key.status(), StrCat("read key ", path));
  if (!key->has_private())
    return absl::InvalidArgumentError(StrCat("read key ", path, ": it is public only"));
  return key;
}

absl::StatusOr<jose::Key> LoadOrMakeKey(const std::string& path, jose::KeyType type) {
  absl::StatusOr<jose::Key> found = LoadKey(path);
  if (!absl::IsNotFound(found.status())) return found;
  CC_ASSIGN_OR_RETURN(const jose::Key made, jose::Key::Generate(type));
  CC_ASSIGN_OR_RETURN(std::string pem, made.PrivatePem());
  // Complete under another name first; link(2) then fails when somebody else was faster.
  const std::string temporary = StrCat(path, ".", jose::ToHex(jose::RandomBytes(8)));
  const absl::Status written = WriteFileAtomic(temporary, pem, 0600);
  jose::Cleanse(pem);
  CC_RETURN_IF_ERROR(written);
  const int linked = ::link(temporary.c_str(), path.c_str()) == 0 ? 0 : errno;
  ::unlink(temporary.c_str());
  if (linked != 0 && linked != EEXIST) return ErrnoStatus(linked, StrCat("write key ", path));
  return LoadKey(path);
}

}  // namespace cc::trustee
