// SPDX-License-Identifier: Apache-2.0
#include "datahub/config/kernel_cmdline.h"

#include "base/file.h"
#include "base/status.h"
#include "base/strings.h"

namespace cc::datahub {
namespace {

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\0'; }

}  // namespace

KernelCmdline KernelCmdline::Parse(std::string_view text) {
  KernelCmdline cmdline;
  size_t at = 0;
  while (true) {
    while (at < text.size() && IsSpace(text[at])) ++at;
    if (at == text.size()) return cmdline;
    std::string word;
    bool quoted = false;
    for (; at < text.size() && (quoted || !IsSpace(text[at])); ++at) {
      if (text[at] == '"') {
        quoted = !quoted;
      } else {
        word.push_back(text[at]);
      }
    }
    if (word == "--") return cmdline;
    const SplitPair parts = SplitOnce(word, '=');
    cmdline.values_.insert_or_assign(std::string(parts.first), std::string(parts.second));
  }
}

absl::StatusOr<KernelCmdline> KernelCmdline::Read(const std::string& path) {
  CC_ASSIGN_OR_RETURN(const std::string text, ReadFile(path, 1 << 20));
  return Parse(text);
}

std::optional<std::string> KernelCmdline::Find(const std::string& key) const {
  const auto found = values_.find(key);
  return found == values_.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace cc::datahub
