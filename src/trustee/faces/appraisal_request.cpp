// SPDX-License-Identifier: Apache-2.0
#include "trustee/faces/appraisal_request.h"

#include "base/status.h"
#include "base/strings.h"
#include "jose/base64.h"
#include "jose/digest.h"
#include "jose/json.h"

namespace cc::trustee {
namespace {

constexpr size_t kMaxEvidence = 8;
constexpr size_t kMaxDigest = 64;

absl::StatusOr<std::string> Decode(const std::string& text, std::string_view what) {
  absl::StatusOr<std::string> bytes = jose::Base64UrlDecode(text);
  if (!bytes.ok()) return Annotate(bytes.status(), what);
  if (bytes->empty()) return absl::InvalidArgumentError(StrCat(what, ": is empty"));
  return bytes;
}

absl::StatusOr<std::optional<InitData>> ReadInitData(const EvidenceText& text) {
  if (text.init_data_toml.has_value()) {
    CC_ASSIGN_OR_RETURN(InitData init_data, ParseInitData(*text.init_data_toml));
    return init_data;
  }
  if (!text.init_data_digest.has_value()) return std::nullopt;
  CC_ASSIGN_OR_RETURN(std::string digest, Decode(*text.init_data_digest, "init_data_digest"));
  if (digest.size() > kMaxDigest) {
    return absl::InvalidArgumentError(StrCat("init_data_digest: ", digest.size(), " bytes, at most 64"));
  }
  return InitData{std::move(digest), nlohmann::json()};
}

}  // namespace

absl::StatusOr<EvidenceItem> ReadEvidence(const EvidenceText& text) {
  EvidenceItem item{.tee = text.tee};
  CC_ASSIGN_OR_RETURN(const std::string evidence, Decode(text.evidence, "evidence"));
  CC_ASSIGN_OR_RETURN(item.evidence, jose::ParseJson(evidence, "evidence"));
  if (!text.hash_algorithm.empty()) {
    CC_ASSIGN_OR_RETURN(item.hash, jose::ParseHash(text.hash_algorithm));
  }
  if (text.structured_runtime_data.has_value()) {
    CC_ASSIGN_OR_RETURN(item.runtime_data,
                        jose::ParseJsonObject(*text.structured_runtime_data, "structured runtime data"));
  } else if (text.raw_runtime_data.has_value()) {
    CC_ASSIGN_OR_RETURN(item.report_data, Decode(*text.raw_runtime_data, "raw runtime data"));
  } else {
    return absl::InvalidArgumentError(
        "runtime data is missing: evidence that is bound to nothing could be anybody's, and of any time");
  }
  CC_ASSIGN_OR_RETURN(item.init_data, ReadInitData(text));
  return item;
}

absl::StatusOr<std::string> AppraiseAll(const AttestationService& service,
                                        const std::vector<EvidenceText>& texts,
                                        const std::vector<std::string>& policy_ids) {
  if (texts.size() > kMaxEvidence) {
    return absl::InvalidArgumentError(
        StrCat(texts.size(), " pieces of evidence in one request; at most ", kMaxEvidence));
  }
  std::vector<EvidenceItem> items;
  for (const EvidenceText& text : texts) {
    CC_ASSIGN_OR_RETURN(EvidenceItem item, ReadEvidence(text));
    items.push_back(std::move(item));
  }
  const std::string label = jose::ToHex(jose::RandomBytes(8));
  return service.Appraise(items, policy_ids.empty() ? "default" : policy_ids[0], label);
}

}  // namespace cc::trustee
