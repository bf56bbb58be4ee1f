// SPDX-License-Identifier: Apache-2.0
#include "cca/cbor_map.h"

#include <algorithm>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/strings.h"

namespace cc::cca {
namespace {

std::string Label(int64_t key, std::string_view name) { return StrCat(name, " (key ", key, ")"); }

template <typename T>
absl::StatusOr<T> Named(absl::StatusOr<T> value, int64_t key, std::string_view name) {
  if (!value.ok()) return Annotate(value.status(), Label(key, name));
  return value;
}

}  // namespace

absl::StatusOr<CborMap> CborMap::Of(const CborValue& value) {
  CC_ASSIGN_OR_RETURN(const auto entries, value.MapEntries());
  return CborMap(entries);
}

const CborValue* CborMap::Find(int64_t key) const {
  for (size_t i = 0; i < entries_.size(); i += 2) {
    const absl::StatusOr<int64_t> found = entries_[i].Int();
    if (found.ok() && *found == key) return &entries_[i + 1];
  }
  return nullptr;
}

absl::StatusOr<const CborValue*> CborMap::Get(int64_t key, std::string_view name) const {
  const CborValue* value = Find(key);
  if (value == nullptr) return absl::InvalidArgumentError(StrCat(Label(key, name), " is missing"));
  return value;
}

absl::StatusOr<int64_t> CborMap::Int(int64_t key, std::string_view name) const {
  CC_ASSIGN_OR_RETURN(const CborValue* value, Get(key, name));
  return Named(value->Int(), key, name);
}

absl::StatusOr<std::string_view> CborMap::Text(int64_t key, std::string_view name) const {
  CC_ASSIGN_OR_RETURN(const CborValue* value, Get(key, name));
  return Named(value->Text(), key, name);
}

absl::StatusOr<std::string_view> CborMap::Bytes(int64_t key, std::string_view name) const {
  CC_ASSIGN_OR_RETURN(const CborValue* value, Get(key, name));
  return Named(value->Bytes(), key, name);
}

absl::StatusOr<std::string_view> CborMap::Bytes(int64_t key, std::string_view name,
                                                std::initializer_list<size_t> sizes) const {
  CC_ASSIGN_OR_RETURN(const std::string_view bytes, Bytes(key, name));
  if (absl::Status size = CheckSize(bytes, sizes); !size.ok()) return Annotate(size, Label(key, name));
  return bytes;
}

absl::StatusOr<std::optional<std::string_view>> CborMap::OptionalText(int64_t key,
                                                                      std::string_view name) const {
  if (Find(key) == nullptr) return std::nullopt;
  CC_ASSIGN_OR_RETURN(const std::string_view text, Text(key, name));
  return text;
}

absl::Status CborMap::AllowOnly(std::initializer_list<int64_t> keys) const {
  for (size_t i = 0; i < entries_.size(); i += 2) {
    if (entries_[i].type() == CborValue::Type::kText) {
      return absl::InvalidArgumentError(StrCat("unknown key '", entries_[i].Text().value(), "'"));
    }
    CC_ASSIGN_OR_RETURN(const int64_t key, entries_[i].Int());
    if (std::find(keys.begin(), keys.end(), key) == keys.end()) {
      return absl::InvalidArgumentError(StrCat("unknown key ", key));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckSize(std::string_view bytes, std::initializer_list<size_t> sizes) {
  if (std::find(sizes.begin(), sizes.end(), bytes.size()) != sizes.end()) return absl::OkStatus();
  std::vector<std::string> allowed;
  for (size_t size : sizes) allowed.push_back(StrCat(size));
  return absl::InvalidArgumentError(
      StrCat(bytes.size(), " bytes where ", StrJoin(allowed, " or "), " are due"));
}

}  // namespace cc::cca
