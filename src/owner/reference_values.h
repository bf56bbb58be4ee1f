// SPDX-License-Identifier: Apache-2.0
// What an owner endorses, as the message that a reference value provider takes:
// {"version":"0.1.0","type":"sample","payload": base64 of {name: value, …}}. ("sample" is upstream's name for
// the plainest form; it has nothing to do with the sample TEE.)
#ifndef CC_OWNER_REFERENCE_VALUES_H_
#define CC_OWNER_REFERENCE_VALUES_H_

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace cc::owner {

// `values` is an object of names and values. InvalidArgument when it is not, or is empty.
absl::StatusOr<std::string> ReferenceValueMessage(const nlohmann::json& values);

// The values that `ccctl measure --json` proposes: the member "reference_values" of its output, or a plain
// object of names and values.
absl::StatusOr<nlohmann::json> ValuesOfMeasurement(std::string_view document);

// NAME VALUE NAME VALUE …: each name gets the list of its values, as policies ask for membership.
absl::StatusOr<nlohmann::json> ValuesOfPairs(const std::vector<std::string>& words);

// `added` beside what `existing` has: lists are united, anything else is replaced.
nlohmann::json UniteValues(const nlohmann::json& existing, const nlohmann::json& added);

}  // namespace cc::owner

#endif  // CC_OWNER_REFERENCE_VALUES_H_
