// SPDX-License-Identifier: Apache-2.0
#include "shim/json_object.h"

#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/strings.h"

namespace cc::shim {
namespace {

using nlohmann::json;

bool ToInt(const json& value, int64_t* out) {
  if (value.is_number_unsigned()) {
    const auto number = value.get<uint64_t>();
    if (number > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) return false;
    *out = static_cast<int64_t>(number);
    return true;
  }
  if (!value.is_number_integer()) return false;
  *out = value.get<int64_t>();
  return true;
}

}  // namespace

JsonObject::JsonObject(const json* value, std::string path, absl::Status* error)
    : value_(value), path_(std::move(path)), error_(error) {}

const json* JsonObject::Find(std::string_view key) const {
  if (value_ == nullptr) return nullptr;
  const auto it = value_->find(key);
  return it == value_->end() || it->is_null() ? nullptr : &*it;
}

const json* JsonObject::FindArray(std::string_view key) const {
  const json* found = Find(key);
  if (found == nullptr || found->is_array()) return found;
  Fail(key, "an array");
  return nullptr;
}

void JsonObject::Fail(std::string_view key, std::string_view expected) const {
  if (!error_->ok()) return;
  *error_ = absl::InvalidArgumentError(StrCat(path_, ".", key, ": expected ", expected));
}

bool JsonObject::Has(std::string_view key) const { return Find(key) != nullptr; }

JsonObject JsonObject::Object(std::string_view key) const {
  const json* found = Find(key);
  if (found != nullptr && !found->is_object()) {
    Fail(key, "an object");
    found = nullptr;
  }
  return JsonObject(found, StrCat(path_, ".", key), error_);
}

std::vector<JsonObject> JsonObject::Objects(std::string_view key) const {
  std::vector<JsonObject> objects;
  const json* array = FindArray(key);
  if (array == nullptr) return objects;
  for (const json& element : *array) {
    if (!element.is_object()) {
      Fail(key, "an array of objects");
      break;
    }
    objects.push_back(JsonObject(&element, StrCat(path_, ".", key, "[", objects.size(), "]"), error_));
  }
  return objects;
}

std::vector<std::string> JsonObject::Strings(std::string_view key) const {
  std::vector<std::string> strings;
  const json* array = FindArray(key);
  if (array == nullptr) return strings;
  for (const json& element : *array) {
    if (!element.is_string()) {
      Fail(key, "an array of strings");
      break;
    }
    strings.push_back(element.get<std::string>());
  }
  return strings;
}

std::map<std::string, std::string> JsonObject::StringMap(std::string_view key) const {
  std::map<std::string, std::string> map;
  const json* found = Find(key);
  if (found == nullptr) return map;
  if (!found->is_object()) {
    Fail(key, "an object");
    return map;
  }
  for (const auto& [name, element] : found->items()) {
    if (!element.is_string()) {
      Fail(key, "an object of strings");
      break;
    }
    map.emplace(name, element.get<std::string>());
  }
  return map;
}

bool JsonObject::Read(std::string_view key, std::string* value) const {
  const json* found = Find(key);
  if (found == nullptr) return false;
  if (!found->is_string()) {
    Fail(key, "a string");
    return false;
  }
  *value = found->get<std::string>();
  return true;
}

bool JsonObject::Read(std::string_view key, bool* value) const {
  const json* found = Find(key);
  if (found == nullptr) return false;
  if (!found->is_boolean()) {
    Fail(key, "true or false");
    return false;
  }
  *value = found->get<bool>();
  return true;
}

bool JsonObject::Read(std::string_view key, int64_t* value) const {
  const json* found = Find(key);
  if (found == nullptr) return false;
  if (!ToInt(*found, value)) {
    Fail(key, "an integer");
    return false;
  }
  return true;
}

bool JsonObject::Read(std::string_view key, uint64_t* value) const {
  const json* found = Find(key);
  if (found == nullptr) return false;
  if (!found->is_number_unsigned()) {
    Fail(key, "an unsigned integer");
    return false;
  }
  *value = found->get<uint64_t>();
  return true;
}

bool JsonObject::Read(std::string_view key, uint32_t* value) const {
  uint64_t wide = 0;
  if (!Read(key, &wide)) return false;
  if (wide > std::numeric_limits<uint32_t>::max()) {
    Fail(key, "a number of 32 bits");
    return false;
  }
  *value = static_cast<uint32_t>(wide);
  return true;
}

std::string JsonObject::Text(std::string_view key) const {
  std::string value;
  Read(key, &value);
  return value;
}

bool JsonObject::Flag(std::string_view key) const {
  bool value = false;
  Read(key, &value);
  return value;
}

int64_t JsonObject::Int(std::string_view key) const {
  int64_t value = 0;
  Read(key, &value);
  return value;
}

uint64_t JsonObject::Unsigned(std::string_view key) const {
  uint64_t value = 0;
  Read(key, &value);
  return value;
}

uint32_t JsonObject::Unsigned32(std::string_view key) const {
  uint32_t value = 0;
  Read(key, &value);
  return value;
}

std::vector<uint32_t> JsonObject::Numbers(std::string_view key) const {
  std::vector<uint32_t> numbers;
  const json* array = FindArray(key);
  if (array == nullptr) return numbers;
  for (const json& element : *array) {
    if (!element.is_number_unsigned() || element.get<uint64_t>() > std::numeric_limits<uint32_t>::max()) {
      Fail(key, "an array of unsigned numbers");
      break;
    }
    numbers.push_back(element.get<uint32_t>());
  }
  return numbers;
}

JsonDocument::JsonDocument(std::string_view text, std::string_view name)
    : name_(name), json_(std::make_unique<json>(json::parse(text, nullptr, false))) {
  if (json_->is_discarded()) {
    status_ = absl::InvalidArgumentError(StrCat(name, ": is not valid JSON"));
  } else if (!json_->is_object()) {
    status_ = absl::InvalidArgumentError(StrCat(name, ": expected a JSON object"));
  }
}

JsonDocument::~JsonDocument() = default;

JsonObject JsonDocument::root() { return JsonObject(status_.ok() ? json_.get() : nullptr, name_, &status_); }

}  // namespace cc::shim
