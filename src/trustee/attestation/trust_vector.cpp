// SPDX-License-Identifier: Apache-2.0
#include "trustee/attestation/trust_vector.h"

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/strings.h"

namespace cc::trustee {
namespace {

using nlohmann::json;

constexpr std::string_view kClaims[] = {"instance-identity", "configuration", "executables",
                                        "file-system",       "hardware",      "runtime-opaque",
                                        "storage-opaque",    "sourced-data"};

// Values that policies give today, in our words.
struct Meaning {
  std::string_view claim;
  int value;
  std::string_view text;
};
constexpr Meaning kMeanings[] = {
    {"configuration", 2, "known and approved"},
    {"configuration", 3, "no known weakness"},
    {"configuration", 32, "has known weaknesses"},
    {"configuration", 36, "parts that matter are not endorsed or not known"},
    {"configuration", 96, "unacceptable"},
    {"executables", 2, "approved boot and run-time code"},
    {"executables", 3, "approved boot code"},
    {"executables", 32, "code with known weaknesses"},
    {"executables", 33, "what was booted is not endorsed"},
    {"executables", 96, "unacceptable"},
    {"hardware", 2, "genuine and approved"},
    {"hardware", 32, "genuine with known weaknesses"},
    {"hardware", 96, "unacceptable"},
    {"hardware", 97, "platform or firmware is not endorsed"},
};

}  // namespace

Tier TierOf(int value) {
  const int magnitude = value < 0 ? -value - 1 : value;
  if (magnitude >= 96) return Tier::kContraindicated;
  if (magnitude >= 32) return Tier::kWarning;
  // 0 asserts nothing, 1 and -1 say that the verifier could not decide.
  if (magnitude >= 2 || value == -2) return Tier::kAffirming;
  return Tier::kNone;
}

std::string_view TierName(Tier tier) {
  switch (tier) {
    case Tier::kNone:
      return "none";
    case Tier::kAffirming:
      return "affirming";
    case Tier::kWarning:
      return "warning";
    case Tier::kContraindicated:
      return "contraindicated";
  }
  return "";
}

absl::StatusOr<TrustVector> TrustVector::FromPolicy(const json& trust_claims) {
  if (!trust_claims.is_object()) {
    return absl::FailedPreconditionError("attestation policy: 'trust_claims' is no object");
  }
  TrustVector vector;
  for (const auto& [name, value] : trust_claims.items()) {
    if (std::find(std::begin(kClaims), std::end(kClaims), name) == std::end(kClaims)) {
      return absl::FailedPreconditionError(
          StrCat("attestation policy: trust claim '", name.substr(0, 64), "' is not one of AR4SI"));
    }
    const int64_t number = value.is_number_integer() ? value.get<int64_t>() : 1000;
    if (number < -128 || number > 127) {
      return absl::FailedPreconditionError(
          StrCat("attestation policy: trust claim ", name, " is no integer from -128 to 127"));
    }
    vector.claims_[name] = static_cast<int>(number);
  }
  if (vector.claims_.empty())
    return absl::FailedPreconditionError("attestation policy: no trust claim is set");
  return vector;
}

Tier TrustVector::Status() const {
  Tier worst = Tier::kNone;
  for (const auto& [name, value] : claims_) worst = std::max(worst, TierOf(value));
  return worst;
}

std::string DescribeClaim(std::string_view claim, int value) {
  std::string text = StrCat(claim, " ", value, " (", TierName(TierOf(value)), ")");
  for (const Meaning& meaning : kMeanings) {
    if (meaning.claim == claim && meaning.value == value) StrAppend(&text, ": ", meaning.text);
  }
  return text;
}

std::vector<std::string> TrustVector::Objections() const {
  std::vector<std::string> lines;
  for (const auto& [name, value] : claims_) {
    if (TierOf(value) > Tier::kAffirming) lines.push_back(DescribeClaim(name, value));
  }
  return lines;
}

}  // namespace cc::trustee
