// SPDX-License-Identifier: Apache-2.0
#include "trustee/rvps/corim.h"

#include <algorithm>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/strings.h"
#include "cca/cbor.h"
#include "cca/cbor_map.h"
#include "jose/digest.h"

namespace cc::trustee {
namespace {

using cca::CborMap;
using cca::CborValue;
using nlohmann::json;
using Path = std::vector<std::string>;

constexpr std::string_view kWhat = "CoRIM";
// An administrator's file, so larger than evidence may be.
constexpr cca::CborLimits kLimits{.max_bytes = 1 << 20, .max_items = 16384, .max_depth = 16};

// Tags and keys of draft-ietf-rats-corim, sections 4 and 5.
constexpr uint64_t kTagTime = 1, kTagCoseSign1 = 18, kTagUuid = 37;
constexpr uint64_t kTagOuter = 500, kTagUnsigned = 501, kTagOuterUnsigned = 502, kTagComid = 506;
constexpr uint64_t kTagBytes = 560;
constexpr int64_t kTags = 1, kValidity = 4;             // of a CoRIM
constexpr int64_t kNotBefore = 0, kNotAfter = 1;        // of its validity
constexpr int64_t kTriples = 4, kReferenceTriples = 0;  // of a CoMID, and of its triples
constexpr int64_t kClass = 0, kVendor = 1, kModel = 2;  // of an environment, and of its class
constexpr int64_t kKey = 0, kValues = 1;                // of a measurement
constexpr int64_t kDigests = 2, kRawValue = 4, kSerialNumber = 8, kName = 11;

absl::StatusOr<CborMap> MapMember(const CborMap& map, int64_t key, std::string_view name) {
  CC_ASSIGN_OR_RETURN(const CborValue* value, map.Get(key, name));
  absl::StatusOr<CborMap> member = CborMap::Of(*value);
  if (!member.ok()) return Annotate(member.status(), name);
  return member;
}

absl::Status AddText(const CborMap& map, int64_t key, std::string_view name, Path* path) {
  CC_ASSIGN_OR_RETURN(const auto text, map.OptionalText(key, name));
  if (text.has_value()) path->emplace_back(*text);
  return absl::OkStatus();
}

// Keys of other types name nothing, as upstream has it.
absl::Status AddKey(const CborMap& measurement, Path* path) {
  const CborValue* key = measurement.Find(kKey);
  if (key == nullptr) return absl::OkStatus();
  if (key->type() == CborValue::Type::kText) path->emplace_back(key->Text().value());
  if (key->type() == CborValue::Type::kUnsigned) {
    CC_ASSIGN_OR_RETURN(const int64_t number, key->Int());
    path->push_back(StrCat("claim", number));
  }
  if (!key->IsTag(kTagUuid)) return absl::OkStatus();
  CC_ASSIGN_OR_RETURN(const std::string_view bytes, key->tagged().Bytes());
  CC_RETURN_IF_ERROR(Annotate(cca::CheckSize(bytes, {16}), "UUID"));
  std::string text = jose::ToHex(bytes);
  for (const size_t at : {20, 16, 12, 8}) text.insert(at, 1, '-');
  path->push_back(std::move(text));
  return absl::OkStatus();
}

absl::Status AddDigests(const CborValue& digests, Path path, json* values) {
  path.emplace_back("digests");
  json& all = values->emplace(StrJoin(path, "/"), json::array()).first.value();
  CC_ASSIGN_OR_RETURN(const auto items, digests.Array());
  for (const CborValue& item : items) {
    CC_ASSIGN_OR_RETURN(const auto parts, item.Array());  // algorithm, bytes
    if (parts.size() != 2) return absl::InvalidArgumentError("a digest has not two parts");
    CC_ASSIGN_OR_RETURN(const std::string_view bytes, parts[1].Bytes());
    const json text = jose::ToHex(bytes);
    if (std::find(all.begin(), all.end(), text) == all.end()) all.push_back(text);
  }
  return absl::OkStatus();
}

absl::Status AddMeasurement(const CborValue& value, Path path, json* values) {
  CC_ASSIGN_OR_RETURN(const CborMap measurement, CborMap::Of(value));
  CC_RETURN_IF_ERROR(AddKey(measurement, &path));
  CC_ASSIGN_OR_RETURN(const CborMap measured, MapMember(measurement, kValues, "measurement values"));
  CC_RETURN_IF_ERROR(AddText(measured, kName, "name", &path));
  CC_RETURN_IF_ERROR(AddText(measured, kSerialNumber, "serial number", &path));
  if (const CborValue* digests = measured.Find(kDigests)) {
    CC_RETURN_IF_ERROR(Annotate(AddDigests(*digests, path, values), "digests"));
  }
  const CborValue* raw = measured.Find(kRawValue);
  if (raw == nullptr || !raw->IsTag(kTagBytes)) return absl::OkStatus();
  CC_ASSIGN_OR_RETURN(const std::string_view bytes, raw->tagged().Bytes());
  path.emplace_back("raw_bytes");
  const std::string name = StrJoin(path, "/");
  const json text = jose::ToHex(bytes);
  if (const auto known = values->find(name); known != values->end() && *known != text) {
    return absl::InvalidArgumentError(StrCat("two raw values for '", name, "'"));
  }
  (*values)[name] = text;
  return absl::OkStatus();
}

absl::Status AddComid(std::string_view cbor, json* values) {
  CC_ASSIGN_OR_RETURN(const CborValue value, CborValue::Parse(cbor, "CoMID", kLimits));
  CC_ASSIGN_OR_RETURN(const CborMap comid, CborMap::Of(value));
  CC_ASSIGN_OR_RETURN(const CborMap all, MapMember(comid, kTriples, "triples"));
  const CborValue* references = all.Find(kReferenceTriples);
  if (references == nullptr) return absl::OkStatus();
  CC_ASSIGN_OR_RETURN(const auto triples, references->Array());
  for (const CborValue& triple : triples) {
    CC_ASSIGN_OR_RETURN(const auto parts, triple.Array());  // environment, measurements
    if (parts.size() != 2) return absl::InvalidArgumentError("a reference triple has not two parts");
    Path path;
    CC_ASSIGN_OR_RETURN(const CborMap environment, CborMap::Of(parts[0]));
    if (environment.Find(kClass) != nullptr) {
      CC_ASSIGN_OR_RETURN(const CborMap device, MapMember(environment, kClass, "class"));
      CC_RETURN_IF_ERROR(AddText(device, kVendor, "vendor", &path));
      CC_RETURN_IF_ERROR(AddText(device, kModel, "model", &path));
    }
    CC_ASSIGN_OR_RETURN(const auto measurements, parts[1].Array());
    for (const CborValue& measurement : measurements) {
      CC_RETURN_IF_ERROR(AddMeasurement(measurement, path, values));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<int64_t>> TimeMember(const CborMap& map, int64_t key) {
  const CborValue* value = map.Find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->IsTag(kTagTime)) return absl::InvalidArgumentError("validity: no time (tag 1)");
  CC_ASSIGN_OR_RETURN(const int64_t time, value->tagged().Int());
  return time;
}

absl::StatusOr<std::optional<int64_t>> CheckValidity(const CborMap& corim, int64_t now) {
  if (corim.Find(kValidity) == nullptr) return std::nullopt;
  CC_ASSIGN_OR_RETURN(const CborMap validity, MapMember(corim, kValidity, "validity"));
  CC_ASSIGN_OR_RETURN(const std::optional<int64_t> start, TimeMember(validity, kNotBefore));
  CC_ASSIGN_OR_RETURN(const std::optional<int64_t> end, TimeMember(validity, kNotAfter));
  if (start.has_value() && *start > now) return absl::InvalidArgumentError("validity: has not begun");
  if (end.has_value() && *end <= now) return absl::InvalidArgumentError("validity: is past");
  return end;
}

absl::StatusOr<CorimValues> Read(const CborValue& document, int64_t now) {
  const CborValue* value = &document;
  while (value->IsTag(kTagOuter) || value->IsTag(kTagUnsigned) || value->IsTag(kTagOuterUnsigned)) {
    value = &value->tagged();
  }
  if (value->IsTag(kTagCoseSign1)) {
    return absl::UnimplementedError(
        "it is signed, and no keys of signers are known here; pass the map inside");
  }
  CC_ASSIGN_OR_RETURN(const CborMap corim, CborMap::Of(*value));
  CorimValues result;
  CC_ASSIGN_OR_RETURN(result.not_after, CheckValidity(corim, now));
  CC_ASSIGN_OR_RETURN(const CborValue* tags, corim.Get(kTags, "tags"));
  CC_ASSIGN_OR_RETURN(const auto items, tags->Array());
  for (const CborValue& item : items) {
    if (!item.IsTag(kTagComid)) continue;  // software identities and trust lists hold no reference values
    CC_ASSIGN_OR_RETURN(const std::string_view comid, item.tagged().Bytes());
    CC_RETURN_IF_ERROR(Annotate(AddComid(comid, &result.values), "CoMID"));
  }
  return result;
}

}  // namespace

absl::StatusOr<CorimValues> ParseCorim(std::string_view cbor, int64_t now) {
  CC_ASSIGN_OR_RETURN(const CborValue document, CborValue::Parse(cbor, kWhat, kLimits));
  absl::StatusOr<CorimValues> values = Read(document, now);
  if (!values.ok()) return Annotate(values.status(), kWhat);
  return values;
}

}  // namespace cc::trustee
