// SPDX-License-Identifier: Apache-2.0
#include "trustee/key_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <optional>

#include "base/file.h"
#include "base/status.h"
#include "base/strings.h"
#include "jose/digest.h"
#include "jose/openssl.h"

namespace cc::trustee {
namespace {

constexpr size_t kMaxPem = 64 << 10;
constexpr int64_t kAnyTime = 0;  // keys never expire

// The key that is in `path` afterwards: `key`, or the one of somebody who was faster.
absl::StatusOr<jose::Key> WriteKey(const std::string& path, const jose::Key& key) {
  CC_ASSIGN_OR_RETURN(std::string pem, key.PrivatePem());
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

// Null when the store has none.
absl::StatusOr<std::optional<jose::Key>> StoredKey(Store& store, const std::string& name) {
  CC_ASSIGN_OR_RETURN(std::optional<std::string> pem, store.Get(Area::kKey, name, kAnyTime));
  if (!pem.has_value()) return std::nullopt;
  absl::StatusOr<jose::Key> key = jose::Key::FromPem(*pem);
  jose::Cleanse(*pem);
  if (!key.ok()) return Annotate(key.status(), StrCat("read key ", name, " of the database"));
  return *std::move(key);
}

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
  return WriteKey(path, made);
}

absl::StatusOr<jose::Key> ShareKey(Store& store, const std::string& name, const std::string& path,
                                   jose::KeyType type) {
  // Not written to the file before the store has it: a replica that starts at the same moment may be faster.
  absl::StatusOr<jose::Key> own = LoadKey(path);
  const bool have_file = own.ok();
  CC_ASSIGN_OR_RETURN(std::optional<jose::Key> shared, StoredKey(store, name));
  if (!shared.has_value()) {
    if (absl::IsNotFound(own.status())) own = jose::Key::Generate(type);
    CC_RETURN_IF_ERROR(own.status());
    CC_ASSIGN_OR_RETURN(std::string pem, own->PrivatePem());
    const absl::Status offered = store.Insert(Area::kKey, name, pem).status();
    jose::Cleanse(pem);
    CC_RETURN_IF_ERROR(offered);
    CC_ASSIGN_OR_RETURN(shared, StoredKey(store, name));
    if (!shared.has_value()) return absl::InternalError(StrCat("key ", name, " vanished from the database"));
  }
  if (!have_file) own = WriteKey(path, *shared);
  CC_RETURN_IF_ERROR(own.status());
  if (own->Thumbprint() != shared->Thumbprint()) {
    return absl::FailedPreconditionError(
        StrCat("key ", path,
               " is not the one that the replicas of this database use; remove the file to take theirs"));
  }
  return *std::move(shared);
}

}  // namespace cc::trustee
