// SPDX-License-Identifier: Apache-2.0
#include "owner/reference_values.h"

#include <algorithm>

#include "base/status.h"
#include "base/strings.h"
#include "jose/base64.h"
#include "jose/json.h"

namespace cc::owner {

using nlohmann::json;

absl::StatusOr<std::string> ReferenceValueMessage(const json& values) {
  if (!values.is_object() || values.empty()) {
    return absl::InvalidArgumentError("reference values: there is nothing to register");
  }
  const absl::StatusOr<std::string> text = jose::JsonText(values);
  if (!text.ok()) return Annotate(text.status(), "reference values");
  return json{{"version", "0.1.0"}, {"type", "sample"}, {"payload", jose::Base64Encode(*text)}}.dump();
}

absl::StatusOr<json> ValuesOfMeasurement(std::string_view document) {
  constexpr std::string_view kWhat = "measurement document";
  CC_ASSIGN_OR_RETURN(json object, jose::ParseJsonObject(document, kWhat));
  if (const auto values = object.find("reference_values"); values != object.end()) {
    if (values->is_object() && !values->empty()) return json(*values);
    return absl::InvalidArgumentError(
        StrCat(kWhat, ": 'reference_values' must be an object of names and values"));
  }
  if (object.contains("artifacts")) {
    return absl::InvalidArgumentError(
        StrCat(kWhat, ": it has no reference values; make it with `ccctl measure --json`"));
  }
  if (object.empty()) return absl::InvalidArgumentError(StrCat(kWhat, ": it is empty"));
  return object;
}

absl::StatusOr<json> ValuesOfPairs(const std::vector<std::string>& words) {
  if (words.empty() || words.size() % 2 != 0) {
    return absl::InvalidArgumentError("endorse: expected a FILE, or pairs of NAME and VALUE");
  }
  json values = json::object();
  for (size_t i = 0; i < words.size(); i += 2) {
    if (words[i].empty()) return absl::InvalidArgumentError("endorse: a name is empty");
    values[words[i]].push_back(words[i + 1]);
  }
  return values;
}

json UniteValues(const json& existing, const json& added) {
  if (!existing.is_array() || !added.is_array()) return added;
  json united = existing;
  for (const json& value : added) {
    if (std::find(united.begin(), united.end(), value) == united.end()) united.push_back(value);
  }
  return united;
}

}  // namespace cc::owner
