// SPDX-License-Identifier: Apache-2.0
#include "attest/attester/tsm_report.h"

#include <fcntl.h>

#include <cerrno>
#include <cstdint>
#include <utility>

#include "base/file.h"
#include "base/status.h"
#include "base/strings.h"
#include "jose/digest.h"

namespace cc::attest {
namespace {

// Twice the largest report the kernel hands out (TSM_REPORT_OUTBLOB_MAX is 32 KiB, 16 MiB since Linux 6.17).
constexpr size_t kMaxReport = size_t{32} << 20;

// One request: a directory of configfs, whose attribute files come and go with it.
class Request {
 public:
  static absl::StatusOr<Request> Create(const std::string& root, const ConfigFs& configfs) {
    if (::access(root.c_str(), F_OK) != 0) {
      return absl::NotFoundError(StrCat("TSM reports: ", root,
                                        " does not exist: no TEE, or the kernel lacks CONFIG_TSM_REPORTS or "
                                        "configfs is not mounted"));
    }
    std::string path = StrCat(root, "/cc-", jose::ToHex(jose::RandomBytes(8)));
    if (configfs.make_directory(path.c_str()) != 0) {
      // The kernel has the interface, but no driver has registered: no TEE.
      if (errno == ENXIO) return absl::NotFoundError(StrCat("TSM reports: ", root, " has no provider"));
      return ErrnoStatus(errno, StrCat("TSM reports: make ", path));
    }
    return Request(std::move(path), configfs);
  }
  Request(Request&& other) noexcept : path_(std::exchange(other.path_, {})), configfs_(other.configfs_) {}
  Request& operator=(Request&&) = delete;
  ~Request() {
    if (!path_.empty()) configfs_.remove_directory(path_.c_str());
  }

  absl::StatusOr<std::string> Read(std::string_view attribute) const {
    return ReadFile(StrCat(path_, "/", attribute), kMaxReport);
  }

  // The whole value in one write: configfs hands a binary attribute on when the file is closed.
  absl::Status Write(std::string_view attribute, std::string_view value) const {
    const std::string file = StrCat(path_, "/", attribute);
    CC_ASSIGN_OR_RETURN(UniqueFd fd, OpenFile(file, O_WRONLY));
    CC_RETURN_IF_ERROR(WriteFull(fd.get(), value));
    if (::close(fd.release()) != 0) return ErrnoStatus(errno, StrCat("TSM reports: write ", file));
    return absl::OkStatus();
  }

 private:
  Request(std::string path, const ConfigFs& configfs) : path_(std::move(path)), configfs_(configfs) {}
  std::string path_;
  const ConfigFs& configfs_;
};

}  // namespace

absl::StatusOr<std::string> TsmReport::Provider() const {
  CC_ASSIGN_OR_RETURN(const Request request, Request::Create(root_, configfs_));
  CC_ASSIGN_OR_RETURN(const std::string text, request.Read("provider"));
  return std::string(StrTrim(text));
}

absl::StatusOr<std::string> TsmReport::Get(std::string_view provider, std::string_view inblob) const {
  CC_ASSIGN_OR_RETURN(const Request request, Request::Create(root_, configfs_));
  CC_ASSIGN_OR_RETURN(const std::string found, request.Read("provider"));
  if (StrTrim(found) != provider) {
    return absl::FailedPreconditionError(
        StrCat("TSM reports: the provider is '", StrTrim(found), "', not '", provider, "'"));
  }
  CC_RETURN_IF_ERROR(request.Write("inblob", inblob));
  CC_ASSIGN_OR_RETURN(std::string report, request.Read("outblob"));
  CC_ASSIGN_OR_RETURN(const std::string text, request.Read("generation"));
  uint64_t generation = 0;
  if (!ParseNumber(StrTrim(text), &generation)) {
    return absl::InternalError(
        StrCat("TSM reports: generation reads '", StrTrim(text), "', expected a number"));
  }
  if (generation > 1) {
    return absl::AbortedError(
        StrCat("TSM reports: the request was written to ", generation, " times, somebody else uses it"));
  }
  if (report.empty()) return absl::InternalError("TSM reports: outblob is empty");
  return report;
}

}  // namespace cc::attest
