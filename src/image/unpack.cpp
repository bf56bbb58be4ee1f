// SPDX-License-Identifier: Apache-2.0
#include "image/unpack.h"

#include <archive.h>
#include <archive_entry.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "image/entry_path.h"
#include "image/tar_guard.h"
#include "image/tree_writer.h"

namespace cc::image {
namespace {

struct FreeArchive {
  void operator()(archive* a) const { archive_read_free(a); }
};

// The stream on its way to libarchive: counts, limits, keeps the error that libarchive cannot carry.
class Source {
 public:
  Source(const ReadBlock& read, uint64_t max_bytes) : read_(read), max_bytes_(max_bytes) {}

  absl::StatusOr<std::string_view> Next() {
    absl::StatusOr<std::string_view> block = read_();
    if (block.ok()) {
      bytes_ += block->size();
      if (bytes_ > max_bytes_) {
        block = absl::ResourceExhaustedError(
            StrCat("the unpacked layer is larger than the ", max_bytes_, " bytes that it may take"));
      }
    }
    if (block.ok()) {
      if (absl::Status guarded = guard_.Feed(*block); !guarded.ok()) block = guarded;
    }
    if (!block.ok()) status_ = block.status();
    return block;
  }
  TarGuard& guard() { return guard_; }

  static la_ssize_t ReadCallback(archive*, void* self, const void** data) {
    absl::StatusOr<std::string_view> block = static_cast<Source*>(self)->Next();
    if (!block.ok()) return ARCHIVE_FATAL;
    *data = block->data();
    return static_cast<la_ssize_t>(block->size());
  }

  const absl::Status& status() const { return status_; }
  uint64_t bytes() const { return bytes_; }

 private:
  const ReadBlock& read_;
  const uint64_t max_bytes_;
  uint64_t bytes_ = 0;
  TarGuard guard_;
  absl::Status status_;
};

class Unpacker {
 public:
  Unpacker(const ReadBlock& read, UniqueFd root, const UnpackLimits& limits)
      : source_(read, limits.max_bytes), max_bytes_(limits.max_bytes), tree_(std::move(root)) {}

  absl::StatusOr<UnpackResult> Run() {
    archive_.reset(archive_read_new());
    if (archive_ == nullptr) return absl::ResourceExhaustedError("out of memory");
    archive_read_support_format_tar(archive_.get());
    archive_read_support_format_empty(archive_.get());
    if (archive_read_open(archive_.get(), &source_, nullptr, Source::ReadCallback, nullptr) != ARCHIVE_OK) {
      return ArchiveError("open");
    }
    while (true) {
      archive_entry* entry = nullptr;
      const int result = archive_read_next_header(archive_.get(), &entry);
      if (result == ARCHIVE_EOF) break;
      // A warning is a name that is not UTF-8; it is used as it is.
      if (result != ARCHIVE_OK && result != ARCHIVE_WARN) return ArchiveError("read the next header");
      const auto position = static_cast<uint64_t>(archive_read_header_position(archive_.get()));
      CC_RETURN_IF_ERROR(source_.guard().ExpectEntry(position));
      CC_RETURN_IF_ERROR(Charge(kEntryCost));
      ++entries_;
      CC_RETURN_IF_ERROR(Unpack(entry));
    }
    CC_RETURN_IF_ERROR(tree_.Finish());
    CC_RETURN_IF_ERROR(source_.guard().ExpectEnd());
    // The hash of the layer covers what follows the archive's end, too.
    while (true) {
      CC_ASSIGN_OR_RETURN(std::string_view block, source_.Next());
      if (block.empty()) break;
    }
    if (tree_.dropped_user_xattrs() > 0) {
      log::Warning("extended attributes of files were dropped: the image store's file system holds none",
                   {{"count", tree_.dropped_user_xattrs()}});
    }
    return UnpackResult{source_.bytes(), entries_, tree_.implied_directories()};
  }

 private:
  absl::Status ArchiveError(std::string_view action) {
    if (!source_.status().ok()) return source_.status();
    const char* text = archive_error_string(archive_.get());
    return absl::InvalidArgumentError(StrCat("the layer's tar archive is damaged: ", action, ": ",
                                             text == nullptr ? "unknown error" : text));
  }

  absl::Status Charge(uint64_t bytes) {
    if (bytes > max_bytes_ - charged_) {
      return absl::ResourceExhaustedError(
          StrCat("the layer's files need more than the ", max_bytes_, " bytes that they may take"));
    }
    charged_ += bytes;
    return absl::OkStatus();
  }

  absl::Status Unpack(archive_entry* entry) {
    const char* raw = archive_entry_pathname(entry);
    if (raw == nullptr) return absl::InvalidArgumentError("an entry's name cannot be read");
    CC_ASSIGN_OR_RETURN(const std::string path, CleanEntryPath(raw));
    const DirAndName split = SplitEntry(path);
    CC_ASSIGN_OR_RETURN(const ParsedMarker marker, ParseMarker(split.name));
    switch (marker.marker) {
      case Marker::kIgnored:
        return absl::OkStatus();
      case Marker::kOpaque:
        return tree_.MakeOpaque(split.directory);
      case Marker::kWhiteout:
        return tree_.MakeWhiteout(split.directory.empty() ? std::string(marker.hidden_name)
                                                          : StrCat(split.directory, "/", marker.hidden_name));
      case Marker::kNone:
        break;
    }
    if (const char* target = archive_entry_hardlink(entry); target != nullptr) {
      CC_ASSIGN_OR_RETURN(const std::string clean, CleanLinkTarget(target));
      return tree_.MakeHardLink(path, clean);
    }
    CC_ASSIGN_OR_RETURN(const Attributes attributes, ReadAttributes(entry, path));
    switch (archive_entry_filetype(entry)) {
      case AE_IFREG:
        return UnpackFile(entry, path, attributes);
      case AE_IFDIR:
        return tree_.MakeDirectory(path, attributes);
      case AE_IFLNK:
        return UnpackSymlink(entry, path, attributes);
      case AE_IFIFO:
        return tree_.MakeFifo(path, attributes);
      case AE_IFCHR:
      case AE_IFBLK:
        return UnpackDevice(entry, path);
      default:
        return absl::InvalidArgumentError(StrCat("entry '", path, "' has an unknown type"));
    }
  }

  static absl::StatusOr<Attributes> ReadAttributes(archive_entry* entry, std::string_view path) {
    constexpr int64_t kMaxId = 0xfffffffe;  // -1 means "leave as it is" to chown
    Attributes attributes;
    const int64_t uid = archive_entry_uid(entry), gid = archive_entry_gid(entry);
    if (uid < 0 || uid > kMaxId || gid < 0 || gid > kMaxId) {
      return absl::InvalidArgumentError(StrCat("entry '", path, "' has no valid owner"));
    }
    attributes.uid = static_cast<uid_t>(uid);
    attributes.gid = static_cast<gid_t>(gid);
    attributes.mode = archive_entry_mode(entry) & 07777;
    // Times that the file system cannot hold count as the epoch, as in containerd.
    const int64_t seconds = archive_entry_mtime(entry);
    const long nanoseconds = archive_entry_mtime_nsec(entry);
    if (seconds >= 0 && seconds < (int64_t{1} << 34) && nanoseconds >= 0 && nanoseconds < 1000000000) {
      attributes.mtime = {seconds, nanoseconds};
    }
    archive_entry_xattr_reset(entry);
    const char* name = nullptr;
    const void* value = nullptr;
    size_t size = 0;
    while (archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK) {
      const std::string_view key = name == nullptr ? "" : name;
      if (key.starts_with("trusted.overlay.") || key.starts_with("user.overlay.")) {
        return absl::PermissionDeniedError(
            StrCat("entry '", path, "' sets '", key.substr(0, 100), "', which would steer overlayfs"));
      }
      // Others (SELinux labels, ACLs) mean nothing in the guest.
      if (!key.starts_with("user.") && key != "security.capability") continue;
      attributes.xattrs.emplace_back(key, std::string(static_cast<const char*>(value), size));
    }
    return attributes;
  }

  absl::Status UnpackFile(archive_entry* entry, std::string_view path, const Attributes& attributes) {
    const int64_t size = archive_entry_size_is_set(entry) ? archive_entry_size(entry) : 0;
    if (size < 0) return absl::InvalidArgumentError(StrCat("entry '", path, "' has a negative size"));
    CC_RETURN_IF_ERROR(Charge(static_cast<uint64_t>(size)));
    CC_ASSIGN_OR_RETURN(const UniqueFd file, tree_.CreateFile(path));
    int64_t written_to = 0;
    while (size > 0) {
      const void* data = nullptr;
      size_t length = 0;
      int64_t offset = 0;
      const int result = archive_read_data_block(archive_.get(), &data, &length, &offset);
      if (result == ARCHIVE_EOF) break;
      if (result != ARCHIVE_OK) return ArchiveError(StrCat("read the data of '", path, "'"));
      if (offset < 0 || offset > size || static_cast<int64_t>(length) > size - offset) {
        return absl::InvalidArgumentError(StrCat("entry '", path, "' has data beyond its size"));
      }
      CC_RETURN_IF_ERROR(WriteAt(file, path, static_cast<const char*>(data), length, offset));
      written_to = std::max(written_to, offset + static_cast<int64_t>(length));
    }
    if (written_to < size && ::ftruncate(file.get(), size) != 0) {
      return ErrnoStatus(errno, StrCat("write '", path, "'"));
    }
    return tree_.FinishFile(file, path, attributes);
  }

  static absl::Status WriteAt(const UniqueFd& file, std::string_view path, const char* data, size_t length,
                              int64_t offset) {
    while (length > 0) {
      const ssize_t n = ::pwrite(file.get(), data, length, offset);
      if (n < 0) {
        if (errno == EINTR) continue;
        return ErrnoStatus(errno, StrCat("write '", path, "' to the image store"));
      }
      data += n;
      length -= static_cast<size_t>(n);
      offset += n;
    }
    return absl::OkStatus();
  }

  absl::Status UnpackSymlink(archive_entry* entry, std::string_view path, const Attributes& attributes) {
    const char* target = archive_entry_symlink(entry);
    if (target == nullptr || *target == '\0') {
      return absl::InvalidArgumentError(StrCat("symbolic link '", path, "' has no target"));
    }
    return tree_.MakeSymlink(path, target, attributes);
  }

  absl::Status UnpackDevice(archive_entry* entry, std::string_view path) {
    const bool block = archive_entry_filetype(entry) == AE_IFBLK;
    const auto major = archive_entry_rdevmajor(entry), minor = archive_entry_rdevminor(entry);
    if (!block && major == 0 && minor == 0) return tree_.MakeWhiteout(path);
    return absl::PermissionDeniedError(
        StrCat("entry '", path, "' is a ", block ? "block" : "character", " device (", major, ":", minor,
               "); images may not bring devices into the guest, a container gets its own from the runtime"));
  }

  Source source_;
  const uint64_t max_bytes_;
  uint64_t charged_ = 0;
  TreeWriter tree_;
  std::unique_ptr<archive, FreeArchive> archive_;
  uint64_t entries_ = 0;
};

}  // namespace

absl::StatusOr<UnpackResult> UnpackTar(const ReadBlock& read, UniqueFd root, const UnpackLimits& limits) {
  return Unpacker(read, std::move(root), limits).Run();
}

}  // namespace cc::image
