// SPDX-License-Identifier: Apache-2.0
// JSON read without exceptions and with limits, and the canonical form of RFC 8785 that hashes are made of.
#ifndef CC_JOSE_JSON_H_
#define CC_JOSE_JSON_H_

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace cc::jose {

// One JSON value and nothing after it. Refused with InvalidArgument: members named twice in an object,
// nesting deeper than 64, invalid UTF-8. `what` names the text in the error.
absl::StatusOr<nlohmann::json> ParseJson(std::string_view text, std::string_view what);

// As ParseJson, and the value must be an object.
absl::StatusOr<nlohmann::json> ParseJsonObject(std::string_view text, std::string_view what);

// The string member `key` of an object; InvalidArgument when it is absent or of another type.
absl::StatusOr<std::string> StringMember(const nlohmann::json& object, const std::string& key,
                                         std::string_view what);

// The text of a value that was put together here; one of ParseJson needs no such care. InvalidArgument when a
// string in it is no UTF-8, for which nlohmann's dump() throws.
absl::StatusOr<std::string> JsonText(const nlohmann::json& value);

// RFC 8785: members in the order of their UTF-16 code units, no white space, numbers as ECMAScript writes
// them. InvalidArgument for an integer beyond 2^53, which has no exact canonical form.
absl::StatusOr<std::string> CanonicalJson(const nlohmann::json& value);

}  // namespace cc::jose

#endif  // CC_JOSE_JSON_H_
