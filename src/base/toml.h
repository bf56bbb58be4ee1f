// SPDX-License-Identifier: Apache-2.0
// TOML configuration read strictly: every key must be known, every value of the right type, and each
// error names file, line, key and what is allowed.
//
//   CC_ASSIGN_OR_RETURN(TomlTable root, TomlTable::Load("/etc/kata-cc/config.toml"));
//   TomlTable vm = root.Table("vm");
//   vm.Read("memory_mib", &config.memory_mib);
//   CC_RETURN_IF_ERROR(root.Finish());   // reports the first bad or unknown key
#ifndef CC_BASE_TOML_H_
#define CC_BASE_TOML_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace cc {

class TomlTable {
 public:
  static absl::StatusOr<TomlTable> Load(const std::string& path);
  static absl::StatusOr<TomlTable> Parse(std::string_view text, std::string_view source_name);

  // A sub-table; absent reads as empty. Shares error state with the root.
  TomlTable Table(std::string_view key);

  // The tables of an array ([[key]]), in order; absent reads as none.
  std::vector<TomlTable> Tables(std::string_view key);

  // Each Read leaves `*value` (the default) alone when the key is absent.
  void Read(std::string_view key, std::string* value);
  void Read(std::string_view key, bool* value);
  void Read(std::string_view key, uint32_t* value);  // negative or too large is an error
  void Read(std::string_view key, std::vector<std::string>* value);
  // One of `allowed`, else an error that lists them.
  void ReadChoice(std::string_view key, std::string* value, const std::vector<std::string>& allowed);

  // InvalidArgument with the first problem met by any Read, else for the first key nobody read.
  absl::Status Finish() const;

  struct State;
  TomlTable(std::shared_ptr<State> state, std::string prefix);

 private:
  std::shared_ptr<State> state_;
  std::string prefix_;
};

}  // namespace cc

#endif  // CC_BASE_TOML_H_
