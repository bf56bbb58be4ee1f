// SPDX-License-Identifier: Apache-2.0
#include "owner/measurement.h"

#include <fcntl.h>

#include <array>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/status.h"
#include "base/strings.h"
#include "jose/base64.h"
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

nlohmann::ordered_json RealmReferenceValues(const RealmDescription& realm) {
  nlohmann::ordered_json rims = nlohmann::ordered_json::array();
  for (const RealmDescription::Rim& rim : realm.rims) rims.push_back(jose::Base64Encode(rim.rim));
  return {{"cca_realm_initial_measurement", rims},
          {"cca_realm_personalization_value", {jose::Base64Encode(realm.rpv)}}};
}

nlohmann::ordered_json RealmJson(const RealmDescription& realm) {
  nlohmann::ordered_json rims = nlohmann::ordered_json::array();
  for (const RealmDescription::Rim& rim : realm.rims) {
    rims.push_back({{"generations", rim.generations}, {"rim", jose::ToHex(rim.rim)}});
  }
  return {{"initial_measurements", rims},
          {"personalization_value", jose::ToHex(realm.rpv)},
          {"hash", realm.hash},
          {"ipa_bits", realm.ipa_bits},
          {"breakpoints", realm.breakpoints},
          {"watchpoints", realm.watchpoints},
          {"measured_pages", realm.measured_pages}};
}

nlohmann::ordered_json ReferenceValues(const Measurement& measurement) {
  return measurement.realm ? RealmReferenceValues(*measurement.realm) : SampleReferenceValues();
}

std::string RealmTable(const RealmDescription& realm) {
  std::string out = StrCat("realm: ", realm.ipa_bits, " address bits, ", realm.breakpoints, " breakpoints, ",
                           realm.watchpoints, " watchpoints, ", realm.measured_pages, " measured pages\n");
  for (const RealmDescription::Rim& rim : realm.rims) {
    StrAppend(&out, "initial measurement (", realm.hash, ", ", StrJoin(rim.generations, ", "), "):\n  ",
              jose::ToHex(rim.rim), "\n");
  }
  StrAppend(&out, "personalization value:\n  ", jose::ToHex(realm.rpv), "\n");
  return out;
}

}  // namespace

absl::StatusOr<Measurement> Measure(const GuestDescription& guest) {
  Measurement measurement;
  CC_ASSIGN_OR_RETURN(Artifact kernel, MeasureFile("kernel", guest.kernel));
  CC_ASSIGN_OR_RETURN(Artifact initramfs, MeasureFile("initramfs", guest.initramfs));
  CC_ASSIGN_OR_RETURN(Artifact command_line, MeasureText("command line", guest.command_line));
  measurement.artifacts = {std::move(kernel), std::move(initramfs), std::move(command_line)};
  if (guest.realm) {
    // Bytes without a name of their own.
    CC_ASSIGN_OR_RETURN(Artifact tree, MeasureText("device tree", guest.realm->device_tree));
    tree.what = "made of the configuration";
    measurement.artifacts.push_back(std::move(tree));
    measurement.realm = guest.realm;
  }
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
  nlohmann::ordered_json document = {{"tee", measurement.realm ? "cca" : "sample"}, {"artifacts", artifacts}};
  if (measurement.realm) document["realm"] = RealmJson(*measurement.realm);
  document["reference_values"] = ReferenceValues(measurement);
  return document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string MeasurementTable(const Measurement& measurement) {
  std::string out;
  for (const Artifact& artifact : measurement.artifacts) {
    StrAppend(&out, artifact.name, ": ", artifact.what, " (", artifact.size, " bytes)\n");
    StrAppend(&out, "  sha256 ", artifact.sha256, "\n  sha384 ", artifact.sha384, "\n  sha512 ",
              artifact.sha512, "\n");
  }
  if (measurement.realm) StrAppend(&out, RealmTable(*measurement.realm));
  StrAppend(&out, "reference values",
            measurement.realm ? "" : " (sample TEE: evidence that proves nothing, for development)", ": ",
            ReferenceValues(measurement).dump(), "\n");
  return out;
}

}  // namespace cc::owner
