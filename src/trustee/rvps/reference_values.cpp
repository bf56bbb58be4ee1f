// SPDX-License-Identifier: Apache-2.0
#include "trustee/rvps/reference_values.h"

#include <nlohmann/json.hpp>

#include "base/status.h"
#include "base/strings.h"
#include "jose/base64.h"
#include "jose/json.h"
#include "trustee/rvps/corim.h"
#include "trustee/rvps/timestamp.h"

namespace cc::trustee {
namespace {

using nlohmann::json;

constexpr std::string_view kWhat = "reference value message";
constexpr std::string_view kVersion = "0.1.0";
constexpr int kDefaultMonths = 12;
constexpr size_t kMaxName = 1024;
constexpr size_t kMaxValues = 4096;

struct Extracted {
  json values;  // object
  int64_t expires;
};

absl::StatusOr<Extracted> ExtractSample(const std::string& payload, int64_t now) {
  const absl::StatusOr<std::string> text = jose::Base64Decode(payload);
  if (!text.ok()) return Annotate(text.status(), StrCat(kWhat, ", payload of type sample"));
  CC_ASSIGN_OR_RETURN(json values, jose::ParseJsonObject(*text, StrCat(kWhat, ", payload")));
  return Extracted{std::move(values), AddMonths(now, kDefaultMonths)};
}

absl::StatusOr<Extracted> ExtractCorim(const std::string& payload, int64_t now) {
  const absl::StatusOr<std::string> cbor = jose::Base64Decode(payload);
  if (!cbor.ok()) return Annotate(cbor.status(), StrCat(kWhat, ", payload of type corim"));
  absl::StatusOr<CorimValues> corim = ParseCorim(*cbor, now);
  if (!corim.ok()) return Annotate(corim.status(), kWhat);
  return Extracted{std::move(corim->values), corim->not_after.value_or(AddMonths(now, kDefaultMonths))};
}

absl::StatusOr<Extracted> ExtractMinimal(const std::string& payload, int64_t now) {
  CC_ASSIGN_OR_RETURN(const json object, jose::ParseJsonObject(payload, StrCat(kWhat, ", payload")));
  Extracted extracted{json::object(), AddMonths(now, kDefaultMonths)};
  for (const auto& [key, value] : object.items()) {
    if (key == "values" && value.is_object()) {
      extracted.values = value;
    } else if (key == "expiration" && value.is_string()) {
      CC_ASSIGN_OR_RETURN(extracted.expires, ParseTimestamp(value.get<std::string>()));
      if (extracted.expires <= now) {
        return absl::InvalidArgumentError(
            StrCat(kWhat, ": expiration ", value.get<std::string>(), " is past"));
      }
    } else {
      return absl::InvalidArgumentError(
          StrCat(kWhat, ": payload member '", key.substr(0, 64), "' is unknown or of a wrong type"));
    }
  }
  return extracted;
}

absl::StatusOr<json> Stored(Store& store, std::string_view name, int64_t now) {
  CC_ASSIGN_OR_RETURN(const std::optional<std::string> text, store.Get(Area::kReferenceValue, name, now));
  if (!text.has_value()) return json();
  return jose::ParseJsonObject(*text, StrCat("stored reference value ", name));
}

}  // namespace

absl::StatusOr<std::vector<std::string>> ReferenceValues::Register(std::string_view message) {
  CC_ASSIGN_OR_RETURN(const json object, jose::ParseJsonObject(message, kWhat));
  if (object.contains("version")) {
    CC_ASSIGN_OR_RETURN(const std::string version, jose::StringMember(object, "version", kWhat));
    if (version != kVersion) {
      return absl::InvalidArgumentError(
          StrCat(kWhat, ": version '", version.substr(0, 32), "', expected ", kVersion));
    }
  }
  CC_ASSIGN_OR_RETURN(const std::string type, jose::StringMember(object, "type", kWhat));
  CC_ASSIGN_OR_RETURN(const std::string payload, jose::StringMember(object, "payload", kWhat));
  const int64_t now = clock_();
  absl::StatusOr<Extracted> extracted = absl::UnimplementedError(
      StrCat(kWhat, ": type '", type.substr(0, 32), "' is not supported: use sample, minimal or corim"));
  if (type == "sample") extracted = ExtractSample(payload, now);
  if (type == "corim") extracted = ExtractCorim(payload, now);
  if (type == "minimal") extracted = ExtractMinimal(payload, now);
  CC_RETURN_IF_ERROR(extracted.status());
  if (extracted->values.empty() || extracted->values.size() > kMaxValues) {
    return absl::InvalidArgumentError(
        StrCat(kWhat, ": ", extracted->values.size(), " values; 1 to ", kMaxValues, " are accepted"));
  }

  Entries entries;
  std::vector<std::string> names;
  for (const auto& [name, value] : extracted->values.items()) {
    if (name.empty() || name.size() > kMaxName) {
      return absl::InvalidArgumentError(StrCat(kWhat, ": names have 1 to ", kMaxName, " bytes"));
    }
    const json stored = {{"version", kVersion},
                         {"name", name},
                         {"expiration", FormatTimestamp(extracted->expires)},
                         {"value", value}};
    entries.emplace_back(name, stored.dump());
    names.push_back(name);
  }
  // Expiry is kept inside the value, so that a query can tell "expired" from "never endorsed".
  CC_RETURN_IF_ERROR(store_->Put(Area::kReferenceValue, entries));
  return names;
}

absl::StatusOr<std::optional<std::string>> ReferenceValues::Query(std::string_view name) const {
  const int64_t now = clock_();
  CC_ASSIGN_OR_RETURN(const json stored, Stored(*store_, name, now));
  if (stored.is_null()) return std::nullopt;
  CC_ASSIGN_OR_RETURN(const std::string text,
                      jose::StringMember(stored, "expiration", "stored reference value"));
  CC_ASSIGN_OR_RETURN(const int64_t expires, ParseTimestamp(text));
  if (expires <= now) return std::nullopt;
  const auto value = stored.find("value");
  if (value == stored.end()) return std::nullopt;
  return value->dump();
}

bool ReferenceValues::Expired(std::string_view name) const {
  const absl::StatusOr<json> stored = Stored(*store_, name, clock_());
  if (!stored.ok() || stored->is_null()) return false;
  const absl::StatusOr<std::string> text =
      jose::StringMember(*stored, "expiration", "stored reference value");
  if (!text.ok()) return false;
  const absl::StatusOr<int64_t> expires = ParseTimestamp(*text);
  return expires.ok() && *expires <= clock_();
}

}  // namespace cc::trustee
