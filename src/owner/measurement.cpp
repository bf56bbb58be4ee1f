// SPDX-License-Identifier: Apache-2.0
#include "owner/measurement.h"

#include <fcntl.h>

#include <array>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/status.h"
#include "base/strings.h"
#include "jose/digest.h"
#include "jose/openssl.h"

namespace cc::owner {
namespace {

constexpr size_t kChunk = 1 << 20;

// Three digests in one reading.
class Digests {
 public:
  Digests() {
    const EVP_MD* const kinds[] = {EVP_sha256(), EVP_sha384(), EVP_sha512()};
    for (size_t i = 0; i < contexts_.size(); ++i) {
      contexts_[i].reset(EVP_MD_CTX_new());
      ok_ = ok_ && contexts_[i] != nullptr && EVP_DigestInit_ex(contexts_[i].get(), kinds[i], nullptr) == 1;
    }
  }
  void Update(std::string_view data) {
    for (const jose::MdCtxPtr& context : contexts_) {
      ok_ = ok_ && EVP_DigestUpdate(context.get(), data.data(), data.size()) == 1;
    }
  }
  absl::Status FinishInto(Artifact* artifact) {
    std::string* const out[] = {&artifact->sha256, &artifact->sha384, &artifact->sha512};
    for (size_t i = 0; i < contexts_.size(); ++i) {
      std::string bytes(EVP_MAX_MD_SIZE, '\0');
      unsigned size = 0;
      ok_ = ok_ && EVP_DigestFinal_ex(contexts_[i].get(), jose::Bytes(bytes), &size) == 1;
      bytes.resize(size);
      *out[i] = jose::ToHex(bytes);
    }
    return ok_ ? absl::OkStatus() : jose::OpensslError(StrCat("hash ", artifact->name));
  }

 private:
  std::array<jose::MdCtxPtr, 3> contexts_;
  bool ok_ = true;
};

absl::StatusOr<Artifact> MeasureFile(const std::string& name, const std::string& path) {
  const absl::StatusOr<UniqueFd> fd = OpenFile(path, O_RDONLY);
  if (!fd.ok()) return Annotate(fd.status(), StrCat("measure the ", name));
  Artifact artifact{.name = name, .what = path};
  Digests digests;
  std::vector<char> buffer(kChunk);
  while (true) {
    const absl::StatusOr<size_t> got = ReadSome(fd->get(), buffer);
    if (!got.ok()) return Annotate(got.status(), StrCat("measure the ", name, " ", path));
    if (*got == 0) break;
    artifact.size += *got;
    digests.Update({buffer.data(), *got});
  }
  CC_RETURN_IF_ERROR(digests.FinishInto(&artifact));
  return artifact;
}

absl::StatusOr<Artifact> MeasureText(const std::string& name, const std::string& text) {
  Artifact artifact{.name = name, .what = text, .size = text.size()};
  Digests digests;
  digests.Update(text);
  CC_RETURN_IF_ERROR(digests.FinishInto(&artifact));
  return artifact;
}

// What the sample attester and upstream's verifier of it say of every guest (Trustee, deps/verifier/sample);
// the names are those of the default attestation policy.
nlohmann::ordered_json SampleReferenceValues() {
  return {{"svn", {"1"}}, {"launch_digest", {"abcde"}}, {"major_version", 1}, {"minimum_minor_version", 4}};
}

}  // namespace

absl::StatusOr<Measurement> Measure(const GuestDescription& guest) {
  if (guest.cca) {
    return absl::UnimplementedError(
        "measure a Realm (tee = \"cca\"): its initial measurement follows from where the native VMM places "
        "kernel, initramfs, device tree and vCPUs, and the native VMM (backend = \"kvm\") is not part of "
        "this "
        "version; set tee = \"none\" to measure the files of the guest");
  }
  Measurement measurement;
  CC_ASSIGN_OR_RETURN(Artifact kernel, MeasureFile("kernel", guest.kernel));
  CC_ASSIGN_OR_RETURN(Artifact initramfs, MeasureFile("initramfs", guest.initramfs));
  CC_ASSIGN_OR_RETURN(Artifact command_line, MeasureText("command line", guest.command_line));
  measurement.artifacts = {std::move(kernel), std::move(initramfs), std::move(command_line)};
  return measurement;
}

std::string MeasurementJson(const Measurement& measurement) {
  nlohmann::ordered_json artifacts = nlohmann::ordered_json::array();
  for (const Artifact& artifact : measurement.artifacts) {
    artifacts.push_back({{"name", artifact.name},
                         {"what", artifact.what},
                         {"size", artifact.size},
                         {"sha256", artifact.sha256},
                         {"sha384", artifact.sha384},
                         {"sha512", artifact.sha512}});
  }
  const nlohmann::ordered_json document = {
      {"tee", "sample"}, {"artifacts", artifacts}, {"reference_values", SampleReferenceValues()}};
  return document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string MeasurementTable(const Measurement& measurement) {
  std::string out;
  for (const Artifact& artifact : measurement.artifacts) {
    StrAppend(&out, artifact.name, ": ", artifact.what, " (", artifact.size, " bytes)\n");
    StrAppend(&out, "  sha256 ", artifact.sha256, "\n  sha384 ", artifact.sha384, "\n  sha512 ",
              artifact.sha512, "\n");
  }
  StrAppend(&out, "reference values (sample TEE: evidence that proves nothing, for development): ",
            SampleReferenceValues().dump(), "\n");
  return out;
}

}  // namespace cc::owner
