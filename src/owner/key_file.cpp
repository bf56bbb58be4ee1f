// SPDX-License-Identifier: Apache-2.0
#include "owner/key_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "attest/wrap.h"
#include "base/file.h"
#include "base/status.h"
#include "base/strings.h"
#include "jose/digest.h"
#include "jose/openssl.h"

namespace cc::owner {
namespace {

constexpr size_t kMaxPem = 64 << 10;

absl::Status WriteNew(const std::string& path, std::string_view content, unsigned mode) {
  absl::StatusOr<UniqueFd> fd = OpenFile(path, O_WRONLY | O_CREAT | O_EXCL, mode);
  if (absl::IsAlreadyExists(fd.status())) {
    return absl::AlreadyExistsError(
        StrCat("write key ", path, ": the file exists, and a key is never overwritten"));
  }
  if (!fd.ok()) return Annotate(fd.status(), "write key");
  absl::Status status = WriteFull(fd->get(), content);
  if (status.ok() && ::fsync(fd->get()) != 0) status = ErrnoStatus(errno, "fsync");
  if (!status.ok()) ::unlink(path.c_str());
  return Annotate(status, StrCat("write key ", path));
}

absl::StatusOr<SecretBytes> ReadPrivate(const std::string& path, size_t limit) {
  CC_ASSIGN_OR_RETURN(const UniqueFd fd, OpenFile(path, O_RDONLY));
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return ErrnoStatus(errno, StrCat("read key ", path));
  if ((info.st_mode & 077) != 0) {
    return absl::PermissionDeniedError(
        StrCat("read key ", path, ": others may read it; run chmod 600 ", path));
  }
  CC_ASSIGN_OR_RETURN(std::string text, ReadFile(path, limit));
  return SecretBytes(std::move(text));
}

}  // namespace

absl::Status NewSymmetricKey(const std::string& path) {
  const SecretBytes key(jose::RandomBytes(attest::kWrapKeySize));
  return WriteNew(path, key.view(), 0600);
}

absl::StatusOr<SecretBytes> LoadSymmetricKey(const std::string& path) {
  CC_ASSIGN_OR_RETURN(SecretBytes key, ReadPrivate(path, kMaxPem));
  if (key.size() == attest::kWrapKeySize) return key;
  return absl::InvalidArgumentError(StrCat("read key ", path, ": ", key.size(), " bytes, a key has ",
                                           attest::kWrapKeySize, " (make one with `ccctl key new FILE`)"));
}

absl::Status NewAdminKey(const std::string& path) {
  CC_ASSIGN_OR_RETURN(const jose::Key key, jose::Key::Generate(jose::KeyType::kEd25519));
  CC_ASSIGN_OR_RETURN(std::string pem, key.PrivatePem());
  const SecretBytes text(std::move(pem));
  const std::string public_path = StrCat(path, ".pub");
  CC_RETURN_IF_ERROR(WriteNew(public_path, key.PublicPem(), 0644));
  absl::Status status = WriteNew(path, text.view(), 0600);
  if (!status.ok()) ::unlink(public_path.c_str());
  return status;
}

absl::StatusOr<jose::Key> LoadAdminKey(const std::string& path) {
  CC_ASSIGN_OR_RETURN(const SecretBytes pem, ReadPrivate(path, kMaxPem));
  absl::StatusOr<jose::Key> key = jose::Key::FromPem(pem.view());
  if (!key.ok()) return Annotate(key.status(), StrCat("read key ", path));
  if (!key->has_private()) {
    return absl::InvalidArgumentError(StrCat("read key ", path, ": it is the public half only"));
  }
  return key;
}

}  // namespace cc::owner
