// SPDX-License-Identifier: Apache-2.0
#include "base/toml.h"

#include <limits>
#include <set>

#include "base/file.h"
#include "base/status.h"
#include "base/strings.h"

// Header-only: the shim must not map one more shared object.
#define TOML_HEADER_ONLY 1
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#include <toml++/toml.h>
#pragma GCC diagnostic pop

namespace cc {

struct TomlTable::State {
  std::string source;
  toml::table root;
  std::set<std::string> known;  // full key paths that were read
  absl::Status error;

  void Fail(const toml::node& node, std::string_view key, std::string_view what) {
    if (!error.ok()) return;
    error = absl::InvalidArgumentError(
        StrCat(source, ":", node.source().begin.line, ": ", key, " must be ", what));
  }

  const toml::node* Find(const std::string& path) {
    known.insert(path);
    return root.at_path(path).node();
  }

  // The first key that was never read, depth first.
  absl::Status CheckKnown(const toml::table& table, const std::string& prefix) const {
    for (const auto& [key, node] : table) {
      const std::string path = StrCat(prefix, key.str());
      if (const toml::table* sub = node.as_table(); sub != nullptr && known.contains(path)) {
        CC_RETURN_IF_ERROR(CheckKnown(*sub, path + "."));
      } else if (const toml::array* array = node.as_array(); array != nullptr && known.contains(path)) {
        for (size_t i = 0; i < array->size(); ++i) {
          const toml::table* element = array->get(i)->as_table();
          if (element != nullptr) CC_RETURN_IF_ERROR(CheckKnown(*element, StrCat(path, "[", i, "].")));
        }
      } else if (!known.contains(path)) {
        return absl::InvalidArgumentError(StrCat(source, ":", node.source().begin.line, ": unknown key ",
                                                 path,
                                                 "; known keys here: ", StrJoin(Siblings(prefix), ", ")));
      }
    }
    return absl::OkStatus();
  }

  std::vector<std::string> Siblings(const std::string& prefix) const {
    std::vector<std::string> names;
    for (const std::string& path : known) {
      if (path.starts_with(prefix) && path.find('.', prefix.size()) == std::string::npos) {
        names.push_back(path.substr(prefix.size()));
      }
    }
    return names;
  }
};

TomlTable::TomlTable(std::shared_ptr<State> state, std::string prefix)
    : state_(std::move(state)), prefix_(std::move(prefix)) {}

absl::StatusOr<TomlTable> TomlTable::Load(const std::string& path) {
  CC_ASSIGN_OR_RETURN(const std::string text, ReadFile(path, 1 << 20));
  return Parse(text, path);
}

absl::StatusOr<TomlTable> TomlTable::Parse(std::string_view text, std::string_view source_name) {
  auto state = std::make_shared<State>();
  state->source = std::string(source_name);
  try {
    state->root = toml::parse(text);
  } catch (const toml::parse_error& error) {
    return absl::InvalidArgumentError(
        StrCat(source_name, ":", error.source().begin.line, ": ", error.description()));
  }
  return TomlTable(std::move(state), "");
}

TomlTable TomlTable::Table(std::string_view key) {
  const std::string path = StrCat(prefix_, key);
  if (const toml::node* node = state_->Find(path); node != nullptr && !node->is_table()) {
    state_->Fail(*node, path, "a table");
  }
  return TomlTable(state_, path + ".");
}

std::vector<TomlTable> TomlTable::Tables(std::string_view key) {
  const std::string path = StrCat(prefix_, key);
  std::vector<TomlTable> tables;
  const toml::node* node = state_->Find(path);
  if (node == nullptr) return tables;
  const toml::array* array = node->as_array();
  // An empty list is homogeneous in nothing.
  if (array == nullptr || (!array->empty() && !array->is_homogeneous(toml::node_type::table))) {
    state_->Fail(*node, path, "a list of tables");
    return tables;
  }
  for (size_t i = 0; i < array->size(); ++i) tables.push_back(TomlTable(state_, StrCat(path, "[", i, "].")));
  return tables;
}

void TomlTable::Read(std::string_view key, std::string* value) {
  const std::string path = StrCat(prefix_, key);
  const toml::node* node = state_->Find(path);
  if (node == nullptr) return;
  if (const auto* string = node->as_string()) {
    *value = string->get();
  } else {
    state_->Fail(*node, path, "a string");
  }
}

void TomlTable::Read(std::string_view key, bool* value) {
  const std::string path = StrCat(prefix_, key);
  const toml::node* node = state_->Find(path);
  if (node == nullptr) return;
  if (const auto* boolean = node->as_boolean()) {
    *value = boolean->get();
  } else {
    state_->Fail(*node, path, "true or false");
  }
}

void TomlTable::Read(std::string_view key, uint32_t* value) {
  const std::string path = StrCat(prefix_, key);
  const toml::node* node = state_->Find(path);
  if (node == nullptr) return;
  const auto* integer = node->as_integer();
  if (integer != nullptr && integer->get() >= 0 && integer->get() <= std::numeric_limits<uint32_t>::max()) {
    *value = static_cast<uint32_t>(integer->get());
  } else {
    state_->Fail(*node, path, "a whole number from 0 to 4294967295");
  }
}

void TomlTable::Read(std::string_view key, std::vector<std::string>* value) {
  const std::string path = StrCat(prefix_, key);
  const toml::node* node = state_->Find(path);
  if (node == nullptr) return;
  const toml::array* array = node->as_array();
  std::vector<std::string> strings;
  for (size_t i = 0; array != nullptr && i < array->size(); ++i) {
    if (const auto* string = array->get(i)->as_string()) strings.push_back(string->get());
  }
  if (array == nullptr || strings.size() != array->size()) {
    state_->Fail(*node, path, "a list of strings");
    return;
  }
  *value = std::move(strings);
}

void TomlTable::ReadChoice(std::string_view key, std::string* value,
                           const std::vector<std::string>& allowed) {
  const std::string path = StrCat(prefix_, key);
  std::string chosen = *value;
  Read(key, &chosen);
  for (const std::string& choice : allowed) {
    if (chosen == choice) {
      *value = chosen;
      return;
    }
  }
  if (const toml::node* node = state_->Find(path)) {
    state_->Fail(*node, path, StrCat("one of \"", StrJoin(allowed, "\", \""), "\""));
  }
}

absl::Status TomlTable::Finish() const {
  if (!state_->error.ok()) return state_->error;
  return state_->CheckKnown(state_->root, "");
}

}  // namespace cc
