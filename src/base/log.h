// SPDX-License-Identifier: Apache-2.0
// One structured line per event: level, event text, then key=value fields (or one JSON object per line).
//
//   cc::log::Info("vm started", {{"sandbox", id}, {"pid", pid}});
//
// Thread-safe. Until Init is called, lines go to stderr. Never log a secret or a whole request.
#ifndef CC_BASE_LOG_H_
#define CC_BASE_LOG_H_

#include <concepts>
#include <initializer_list>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace cc::log {

enum class Level { kDebug, kInfo, kWarning, kError };
enum class Format { kText, kJson };

// A named value of a log line. Strings are quoted and escaped when written.
class Field {
 public:
  Field(std::string_view key, std::string_view value) : key_(key), value_(value) {}
  Field(std::string_view key, const char* value) : key_(key), value_(value) {}
  Field(std::string_view key, const std::string& value) : key_(key), value_(value) {}
  Field(std::string_view key, std::integral auto value)
      : key_(key), value_(std::to_string(value)), is_number_(true) {}
  Field(std::string_view key, const absl::Status& value) : key_(key), value_(value.ToString()) {}

  std::string_view key() const { return key_; }
  std::string_view value() const { return value_; }
  bool is_number() const { return is_number_; }

 private:
  std::string_view key_;
  std::string value_;
  bool is_number_ = false;
};
using Fields = std::initializer_list<Field>;

struct Options {
  Level level = Level::kInfo;
  Format format = Format::kText;
  int fd = 2;             // where lines go; not owned, must stay open
  std::string component;  // first field of each line, e.g. "shim"
};

// Call once, before other threads log.
void Init(const Options& options);

void Write(Level level, std::string_view event, Fields fields);

inline void Debug(std::string_view event, Fields fields = {}) { Write(Level::kDebug, event, fields); }
inline void Info(std::string_view event, Fields fields = {}) { Write(Level::kInfo, event, fields); }
inline void Warning(std::string_view event, Fields fields = {}) { Write(Level::kWarning, event, fields); }
inline void Error(std::string_view event, Fields fields = {}) { Write(Level::kError, event, fields); }

}  // namespace cc::log

#endif  // CC_BASE_LOG_H_
