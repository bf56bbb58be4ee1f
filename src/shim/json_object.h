// SPDX-License-Identifier: Apache-2.0
// Typed reading of a JSON document with one error for all: the first field of a wrong type is remembered by
// its path ("process.user.uid: expected a number"), later reads go on. Absent and null leave the value alone.
//
//   JsonDocument doc(text);
//   doc.root().Object("process").Read("cwd", &cwd);
//   CC_RETURN_IF_ERROR(doc.status());
#ifndef CC_SHIM_JSON_OBJECT_H_
#define CC_SHIM_JSON_OBJECT_H_

#include <cstdint>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace cc::shim {

class JsonDocument;

// A view into a JsonDocument, which must outlive it. Thread-compatible.
class JsonObject {
 public:
  bool Has(std::string_view key) const;
  JsonObject Object(std::string_view key) const;  // absent reads as empty
  std::vector<JsonObject> Objects(std::string_view key) const;
  std::vector<std::string> Strings(std::string_view key) const;
  std::map<std::string, std::string> StringMap(std::string_view key) const;

  bool Read(std::string_view key, std::string* value) const;
  bool Read(std::string_view key, bool* value) const;
  bool Read(std::string_view key, int64_t* value) const;
  bool Read(std::string_view key, uint64_t* value) const;
  bool Read(std::string_view key, uint32_t* value) const;

  std::string Text(std::string_view key) const;
  bool Flag(std::string_view key) const;
  int64_t Int(std::string_view key) const;
  uint64_t Unsigned(std::string_view key) const;
  uint32_t Unsigned32(std::string_view key) const;
  std::vector<uint32_t> Numbers(std::string_view key) const;

 private:
  friend class JsonDocument;
  JsonObject(const nlohmann::json* value, std::string path, absl::Status* error);
  const nlohmann::json* Find(std::string_view key) const;
  const nlohmann::json* FindArray(std::string_view key) const;
  void Fail(std::string_view key, std::string_view expected) const;

  const nlohmann::json* value_;  // an object, or null when absent
  std::string path_;
  absl::Status* error_;
};

class JsonDocument {
 public:
  // `name` begins every error message.
  JsonDocument(std::string_view text, std::string_view name);
  ~JsonDocument();
  JsonDocument(const JsonDocument&) = delete;
  JsonDocument& operator=(const JsonDocument&) = delete;

  JsonObject root();
  const absl::Status& status() const { return status_; }

 private:
  std::string name_;
  std::unique_ptr<nlohmann::json> json_;
  absl::Status status_;
};

}  // namespace cc::shim

#endif  // CC_SHIM_JSON_OBJECT_H_
