// SPDX-License-Identifier: Apache-2.0
// Initdata: what the owner of a pod hands to its guest through the untrusted host, as TOML text. Evidence is
// bound to the digest of that text (in a Realm through the personalization value), so whoever uses it must
// have compared the digest first. Confidential Containers' initdata specification, version 0.1.0.
#ifndef CC_INITDATA_INITDATA_H_
#define CC_INITDATA_INITDATA_H_

#include <map>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace cc::initdata {

// Of the text.
inline constexpr size_t kMaxSize = 1 << 20;

// Keys of `data` that a guest applies; others are for whoever knows them.
inline constexpr std::string_view kAttestationAgentConfig = "aa.toml";
inline constexpr std::string_view kDataHubConfig = "cdh.toml";
inline constexpr std::string_view kAgentPolicy = "policy.rego";

struct InitData {
  std::string algorithm;  // of the digest over the whole text: "sha256", "sha384" or "sha512"
  std::map<std::string, std::string, std::less<>> data;

  // The value of a key, empty when it is not there.
  std::string_view Find(std::string_view key) const;
};

// InvalidArgument for text that is too long or no initdata: version "0.1.0", one of the algorithms (a dash
// and capitals are accepted), and a table `data` whose values are strings. Further keys are ignored, as
// upstream does.
absl::StatusOr<InitData> Parse(std::string_view toml);

}  // namespace cc::initdata

#endif  // CC_INITDATA_INITDATA_H_
