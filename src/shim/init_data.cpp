// SPDX-License-Identifier: Apache-2.0
#define OPENSSL_SUPPRESS_DEPRECATED
#include "shim/init_data.h"

#include <openssl/sha.h>

#include <string_view>

#include "absl/strings/escaping.h"
#include "base/file.h"
#include "base/status.h"
#include "base/strings.h"
#include "base/toml.h"
#include "initdata/carrier.h"
#include "initdata/initdata.h"

namespace cc::shim {
namespace {

// initdata::kMaxSize of text that does not compress, and base64's third.
constexpr size_t kMaxAnnotation = 3 * initdata::kMaxSize / 2;
// How the guest finds the disk; it also looks for the magic on the others.
constexpr char kSerial[] = "initdata";

// Zero-padded as cca/rpv.h says; initdata::Parse allows these algorithms only. Low-level functions for the
// reason in sha256.cpp.
std::array<uint8_t, 64> Digest(std::string_view algorithm, std::string_view text) {
  std::array<uint8_t, 64> digest = {};
  if (algorithm == "sha256") {
    SHA256_CTX context;
    ::SHA256_Init(&context);
    ::SHA256_Update(&context, text.data(), text.size());
    ::SHA256_Final(digest.data(), &context);
    return digest;
  }
  const bool longest = algorithm == "sha512";
  SHA512_CTX context;
  longest ? ::SHA512_Init(&context) : ::SHA384_Init(&context);
  ::SHA512_Update(&context, text.data(), text.size());
  longest ? ::SHA512_Final(digest.data(), &context) : ::SHA384_Final(digest.data(), &context);
  return digest;
}

void Add(std::string destination, std::vector<std::string>* destinations) {
  if (!destination.empty()) destinations->push_back(std::move(destination));
}

// Of aa.toml and cdh.toml, as far as they can be read here: whether they are right is the guest's to say.
std::vector<std::string> Destinations(const initdata::InitData& data) {
  std::vector<std::string> found;
  const auto read = [](TomlTable table, std::string_view key) {
    std::string value;
    table.Read(key, &value);
    return value;
  };
  if (auto aa = TomlTable::Parse(data.Find(initdata::kAttestationAgentConfig), "aa.toml"); aa.ok()) {
    Add(read(aa->Table("token_configs").Table("kbs"), "url"), &found);
  }
  auto cdh = TomlTable::Parse(data.Find(initdata::kDataHubConfig), "cdh.toml");
  if (!cdh.ok()) return found;
  Add(read(cdh->Table("kbc"), "url"), &found);
  for (TomlTable& registry : cdh->Table("image").Table("registry_config").Tables("registry")) {
    Add(std::string(SplitOnce(read(registry, "location"), '/').first), &found);
    for (TomlTable& mirror : registry.Tables("mirror")) {
      Add(std::string(SplitOnce(read(mirror, "location"), '/').first), &found);
    }
  }
  return found;
}

}  // namespace

absl::StatusOr<std::optional<PodInitData>> InitDataOf(const Annotations& annotations) {
  const auto annotation = annotations.find(std::string(initdata::kAnnotation));
  if (annotation == annotations.end() || annotation->second.empty()) return std::nullopt;
  const std::string context = StrCat("annotation ", initdata::kAnnotation);
  if (annotation->second.size() > kMaxAnnotation) {
    return absl::InvalidArgumentError(
        StrCat(context, ": ", annotation->second.size(), " bytes; ", kMaxAnnotation, " are possible"));
  }
  std::string gzip;
  if (!absl::Base64Unescape(annotation->second, &gzip)) {
    return absl::InvalidArgumentError(StrCat(context, ": is not base64"));
  }
  const absl::StatusOr<std::string> text = initdata::Decompress(gzip);
  if (!text.ok()) return Annotate(text.status(), context);
  const absl::StatusOr<initdata::InitData> parsed = initdata::Parse(*text);
  if (!parsed.ok()) return Annotate(parsed.status(), context);
  return PodInitData{.gzip = std::move(gzip),
                     .digest = Digest(parsed->algorithm, *text),
                     .destinations = Destinations(*parsed)};
}

absl::Status AddInitData(const PodInitData& init_data, vmm::VmSpec* spec) {
  const std::string path = StrCat(spec->state_dir, "/initdata.img");
  CC_RETURN_IF_ERROR(WriteFileAtomic(path, initdata::MakeDisk(init_data.gzip), 0600));
  spec->disks.push_back({.path = path, .read_only = true, .serial = kSerial});
  spec->realm.rpv = init_data.digest;
  return absl::OkStatus();
}

}  // namespace cc::shim
