// SPDX-License-Identifier: Apache-2.0
#include "shim/flags.h"

#include <string_view>

#include "base/strings.h"

namespace cc::shim {
namespace {

struct FlagEntry {
  std::string_view name;
  bool Flags::*boolean;
  std::string Flags::*text;
};

constexpr FlagEntry kFlags[] = {
    {"debug", &Flags::debug, nullptr},
    {"info", &Flags::info, nullptr},
    {"v", &Flags::version, nullptr},
    {"version", &Flags::version, nullptr},
    {"h", &Flags::help, nullptr},
    {"help", &Flags::help, nullptr},
    {"namespace", nullptr, &Flags::namespace_name},
    {"id", nullptr, &Flags::id},
    {"address", nullptr, &Flags::address},
    {"publish-binary", nullptr, &Flags::publish_binary},
    {"bundle", nullptr, &Flags::bundle},
};

const FlagEntry* Find(std::string_view name) {
  for (const FlagEntry& entry : kFlags) {
    if (entry.name == name) return &entry;
  }
  return nullptr;
}

absl::Status SetBoolean(Flags& flags, const FlagEntry& entry, const SplitPair& parts) {
  if (!parts.found || parts.second == "true" || parts.second == "1") {
    flags.*entry.boolean = true;
  } else if (parts.second == "false" || parts.second == "0") {
    flags.*entry.boolean = false;
  } else {
    return absl::InvalidArgumentError(
        StrCat("flag -", entry.name, ": '", parts.second, "' is neither true nor false"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Flags> ParseFlags(std::span<const char* const> args) {
  Flags flags;
  size_t i = 0;
  for (; i < args.size(); ++i) {
    std::string_view arg = args[i];
    if (arg == "--") {
      ++i;
      break;
    }
    if (arg.size() < 2 || arg[0] != '-') break;
    arg.remove_prefix(arg[1] == '-' ? 2 : 1);
    const SplitPair parts = SplitOnce(arg, '=');
    const FlagEntry* entry = Find(parts.first);
    if (entry == nullptr) return absl::InvalidArgumentError(StrCat("unknown flag ", args[i]));
    if (entry->boolean != nullptr) {
      if (absl::Status status = SetBoolean(flags, *entry, parts); !status.ok()) return status;
    } else if (parts.found) {
      flags.*entry->text = parts.second;
    } else if (i + 1 < args.size()) {
      flags.*entry->text = args[++i];
    } else {
      return absl::InvalidArgumentError(StrCat("flag ", args[i], " needs a value"));
    }
  }
  if (i < args.size()) flags.action = args[i];
  return flags;
}

}  // namespace cc::shim
