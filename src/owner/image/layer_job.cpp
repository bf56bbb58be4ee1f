// SPDX-License-Identifier: Apache-2.0
#include "owner/image/layer_job.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "attest/ocicrypt/encrypted_layer.h"
#include "base/file.h"
#include "base/status.h"
#include "base/strings.h"
#include "base/thread.h"
#include "image/block_pipe.h"

namespace cc::owner {
namespace {

constexpr size_t kBlock = 1 << 20;
constexpr size_t kBlocks = 4;
// libcurl, TLS and the certificate checks run on it.
constexpr size_t kFetchStack = 1 << 20;

image::BodySource FileBody(int fd) {
  return [fd](uint64_t offset, std::span<char> out) -> absl::StatusOr<size_t> {
    const ssize_t got = ::pread(fd, out.data(), out.size(), static_cast<off_t>(offset));
    if (got < 0) return ErrnoStatus(errno, "read the encrypted layer back");
    return static_cast<size_t>(got);
  };
}

// Encrypts what a second thread fetches.
absl::StatusOr<attest::EncryptedLayerInfo> FetchAndEncrypt(const image::Descriptor& plain,
                                                           ImageSource& source, int out,
                                                           const std::function<void(uint64_t)>& advance,
                                                           const std::stop_token& stop) {
  image::BlockPipe pipe(kBlock, kBlocks);
  CC_ASSIGN_OR_RETURN(Thread fetch,
                      Thread::Start(
                          "fetch",
                          [&] {
                            pipe.Finish(source.Blob(
                                plain, [&](std::string_view data) { return pipe.Append(data); }, stop));
                          },
                          kFetchStack));
  absl::StatusOr<attest::EncryptedLayerInfo> info =
      attest::EncryptLayer([&pipe] { return pipe.Next(); },
                           [&](std::string_view data) -> absl::Status {
                             CC_RETURN_IF_ERROR(WriteFull(out, data));
                             advance(data.size());
                             return absl::OkStatus();
                           });
  if (!info.ok()) pipe.Abort(info.status());
  fetch.Join();
  return info;
}

}  // namespace

absl::StatusOr<EncryptedLayer> EncryptOneLayer(const image::Descriptor& plain, ImageSource& source,
                                               ImageDestination& destination, const EncryptRequest& request,
                                               const std::function<void(uint64_t)>& advance,
                                               std::stop_token stop) {
  CC_ASSIGN_OR_RETURN(std::string media_type, attest::EncryptedMediaType(plain.media_type));
  absl::StatusOr<UniqueFd> scratch = OpenFile(request.scratch_directory, O_TMPFILE | O_RDWR, 0600);
  if (!scratch.ok()) {
    return Annotate(scratch.status(), "make a temporary file (TMPDIR names another directory)");
  }
  absl::StatusOr<attest::EncryptedLayerInfo> info =
      FetchAndEncrypt(plain, source, scratch->get(), advance, stop);
  if (!info.ok()) return Annotate(info.status(), StrCat("encrypt layer ", plain.digest.ToString()));
  CC_ASSIGN_OR_RETURN(attest::Annotations annotations,
                      attest::SealLayer(info->secrets, request.key_id, request.key, request.wrap));
  CC_ASSIGN_OR_RETURN(image::Digest digest, image::Digest::Parse(info->digest));
  EncryptedLayer layer{{std::move(media_type), std::move(digest), info->size}, std::move(annotations)};
  CC_RETURN_IF_ERROR(destination.PutBlob(layer.descriptor, FileBody(scratch->get()), stop));
  return layer;
}

}  // namespace cc::owner
