// SPDX-License-Identifier: Apache-2.0
#include "owner/image/oci_layout.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/file.h"
#include "base/status.h"
#include "base/strings.h"
#include "image/push.h"
#include "jose/json.h"

namespace cc::owner {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr char kRefName[] = "org.opencontainers.image.ref.name";
constexpr char kIndexType[] = "application/vnd.oci.image.index.v1+json";
constexpr size_t kChunk = 1 << 20;

std::string AlgorithmName(const image::Digest& digest) {
  return std::string(SplitOnce(digest.ToString(), ':').first);
}

std::string TagOf(const json& entry) {
  const auto annotations = entry.find("annotations");
  if (annotations == entry.end() || !annotations->is_object()) return "";
  const auto name = annotations->find(kRefName);
  return name != annotations->end() && name->is_string() ? name->get<std::string>() : "";
}

absl::StatusOr<json> ReadIndex(const std::string& directory) {
  const std::string path = StrCat(directory, "/index.json");
  absl::StatusOr<std::string> text = ReadFile(path, image::kMaxDocumentSize);
  if (!text.ok()) return Annotate(text.status(), StrCat("read OCI layout ", directory));
  CC_ASSIGN_OR_RETURN(json index, jose::ParseJsonObject(*text, path));
  if (!index.contains("manifests") || !index["manifests"].is_array()) {
    return absl::InvalidArgumentError(StrCat(path, ": 'manifests' must be a list"));
  }
  return index;
}

// The entry of `tag`, or the only one.
absl::StatusOr<json> FindEntry(const json& index, const std::string& tag, const std::string& directory) {
  std::vector<json> found;
  std::vector<std::string> names;
  for (const json& entry : index["manifests"]) {
    if (!entry.is_object()) continue;
    names.push_back(TagOf(entry).empty() ? "(no tag)" : TagOf(entry));
    if (tag.empty() || TagOf(entry) == tag) found.push_back(entry);
  }
  if (found.size() == 1) return found.front();
  const std::string image = StrCat("oci:", directory, tag.empty() ? "" : ":", tag);
  if (found.empty()) {
    return absl::NotFoundError(
        StrCat(image, ": no such image; the layout holds ", names.empty() ? "none" : StrJoin(names, ", ")));
  }
  return absl::InvalidArgumentError(
      StrCat(image, ": names ", found.size(), " images; say which: ", StrJoin(names, ", ")));
}

}  // namespace

std::string OciLayout::BlobPath(const image::Digest& digest) const {
  return StrCat(directory_, "/blobs/", AlgorithmName(digest), "/", digest.hex());
}

absl::StatusOr<image::Document> OciLayout::Root(std::stop_token stop) {
  CC_ASSIGN_OR_RETURN(const json index, ReadIndex(directory_));
  CC_ASSIGN_OR_RETURN(const json entry, FindEntry(index, tag_, directory_));
  // Read by the one parser of descriptors: as an index with this entry alone.
  const json single = {{"schemaVersion", 2}, {"mediaType", kIndexType}, {"manifests", {entry}}};
  const auto parsed = image::ParseManifest(single.dump(), kIndexType);
  if (!parsed.ok()) return Annotate(parsed.status(), StrCat("read ", directory_, "/index.json"));
  return Manifest(std::get<image::Index>(*parsed).entries.front().descriptor, stop);
}

absl::StatusOr<image::Document> OciLayout::Manifest(const image::Descriptor& descriptor,
                                                    std::stop_token stop) {
  if (descriptor.size > image::kMaxDocumentSize) {
    return absl::ResourceExhaustedError(StrCat("manifest ", descriptor.digest.ToString(), " is too large"));
  }
  std::string body;
  CC_RETURN_IF_ERROR(Blob(
      descriptor,
      [&body](std::string_view data) {
        body.append(data);
        return absl::OkStatus();
      },
      stop));
  return image::Document{std::move(body), descriptor.media_type, descriptor.digest};
}

absl::Status OciLayout::Blob(const image::Descriptor& descriptor, const image::ByteSink& sink,
                             std::stop_token stop) {
  const std::string path = BlobPath(descriptor.digest);
  absl::StatusOr<UniqueFd> fd = OpenFile(path, O_RDONLY);
  if (!fd.ok()) return Annotate(fd.status(), StrCat("read OCI layout ", directory_));
  image::Hasher hasher(descriptor.digest.algorithm());
  std::vector<char> buffer(kChunk);
  uint64_t size = 0;
  while (true) {
    if (stop.stop_requested()) return absl::CancelledError("reading the image was cancelled");
    CC_ASSIGN_OR_RETURN(const size_t got, ReadSome(fd->get(), buffer));
    if (got == 0) break;
    size += got;
    if (size > descriptor.size) break;
    hasher.Update({buffer.data(), got});
    CC_RETURN_IF_ERROR(sink({buffer.data(), got}));
  }
  if (size != descriptor.size || hasher.Finish() != descriptor.digest) {
    return absl::DataLossError(
        StrCat("read ", path, ": the file is not what its name and the manifest say; it is damaged"));
  }
  return absl::OkStatus();
}

absl::Status OciLayout::PutBlob(const image::Descriptor& blob, const image::BodySource& body,
                                std::stop_token stop) {
  const std::string path = BlobPath(blob.digest);
  std::error_code error;
  if (fs::file_size(path, error) == blob.size && !error) return absl::OkStatus();
  fs::create_directories(fs::path(path).parent_path(), error);
  if (error) return ErrnoStatus(error.value(), StrCat("make directory ", directory_, "/blobs"));
  std::string temporary = StrCat(path, ".XXXXXX");
  const UniqueFd fd(::mkostemp(temporary.data(), O_CLOEXEC));
  if (!fd) return ErrnoStatus(errno, StrCat("write ", path));
  std::vector<char> buffer(kChunk);
  absl::Status status;
  for (uint64_t at = 0; at < blob.size && status.ok();) {
    if (stop.stop_requested()) status = absl::CancelledError("writing the image was cancelled");
    const absl::StatusOr<size_t> got =
        body(at, std::span(buffer).first(std::min<uint64_t>(kChunk, blob.size - at)));
    if (status.ok())
      status = got.ok() && *got == 0 ? absl::DataLossError("the data ends early") : got.status();
    if (!status.ok()) break;
    status = WriteFull(fd.get(), {buffer.data(), *got});
    at += *got;
  }
  if (status.ok() && (::fchmod(fd.get(), 0644) != 0 || ::fsync(fd.get()) != 0 ||
                      ::rename(temporary.c_str(), path.c_str()) != 0)) {
    status = ErrnoStatus(errno, "complete the file");
  }
  if (!status.ok()) ::unlink(temporary.c_str());
  return Annotate(status, StrCat("write ", path));
}

absl::Status OciLayout::PutManifest(const image::Descriptor& descriptor, const std::string& json_text,
                                    std::stop_token stop) {
  return PutBlob(descriptor, image::TextBody(json_text), stop);
}

absl::Status OciLayout::PutRoot(const image::Descriptor& descriptor, const std::string& json_text,
                                std::stop_token stop) {
  CC_RETURN_IF_ERROR(PutManifest(descriptor, json_text, stop));
  CC_RETURN_IF_ERROR(WriteFileAtomic(StrCat(directory_, "/oci-layout"), R"({"imageLayoutVersion":"1.0.0"})"));
  absl::StatusOr<json> index = ReadIndex(directory_);
  if (absl::IsNotFound(index.status())) {
    index = json{{"schemaVersion", 2}, {"mediaType", kIndexType}, {"manifests", json::array()}};
  }
  if (!index.ok()) return index.status();
  json entry = {{"mediaType", descriptor.media_type},
                {"digest", descriptor.digest.ToString()},
                {"size", descriptor.size}};
  if (!tag_.empty()) entry["annotations"] = {{kRefName, tag_}};
  json manifests = json::array();
  for (const json& other : (*index)["manifests"]) {
    if (!other.is_object() || TagOf(other) != tag_) manifests.push_back(other);
  }
  manifests.push_back(entry);
  (*index)["manifests"] = std::move(manifests);
  return WriteFileAtomic(StrCat(directory_, "/index.json"), index->dump());
}

}  // namespace cc::owner
