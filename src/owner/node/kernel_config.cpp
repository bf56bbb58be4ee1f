// SPDX-License-Identifier: Apache-2.0
#include "owner/node/kernel_config.h"

#include <zlib.h>

#include <filesystem>
#include <limits>
#include <optional>
#include <vector>

#include "base/file.h"
#include "base/strings.h"

namespace cc::node_check {
namespace {

constexpr size_t kLimit = 4 << 20;  // configurations have some 300 KB

// kernel/configs.c: gzip data between two marks.
constexpr std::string_view kStart = "IKCFG_ST", kEnd = "IKCFG_ED";

std::optional<std::string> Gunzip(std::string_view data) {
  z_stream stream = {};
  constexpr int kGzip = 16 + MAX_WBITS;
  if (::inflateInit2(&stream, kGzip) != Z_OK) return std::nullopt;
  std::string text(kLimit, '\0');
  // SAFETY: zlib does not write to its input, its type only lacks the const.
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data.data()));
  stream.avail_in = static_cast<uInt>(std::min<size_t>(data.size(), std::numeric_limits<uInt>::max()));
  stream.next_out = reinterpret_cast<Bytef*>(text.data());
  stream.avail_out = static_cast<uInt>(text.size());
  const int result = ::inflate(&stream, Z_FINISH);
  text.resize(stream.total_out);
  ::inflateEnd(&stream);
  if (result != Z_STREAM_END) return std::nullopt;
  return text;
}

std::optional<std::string> Embedded(std::string_view image) {
  const size_t start = image.find(kStart);
  if (start == std::string_view::npos) return std::nullopt;
  const size_t end = image.find(kEnd, start);
  if (end == std::string_view::npos) return std::nullopt;
  return Gunzip(image.substr(start + kStart.size(), end - start - kStart.size()));
}

std::vector<std::string> Candidates(const std::filesystem::path& path) {
  std::vector<std::string> candidates = {path.string() + ".config"};
  const std::string name = path.filename().string();
  if (const auto [kind, version, found] = SplitOnce(name, '-'); found) {
    candidates.push_back((path.parent_path() / StrCat("config-", version)).string());
  }
  candidates.push_back((path.parent_path() / "config").string());
  return candidates;
}

}  // namespace

KernelOptions ParseKernelConfig(std::string_view text) {
  KernelOptions options;
  for (const std::string_view line : StrSplit(text, '\n')) {
    if (!line.starts_with("CONFIG_")) continue;
    const SplitPair pair = SplitOnce(line, '=');
    if (pair.found) options.emplace(pair.first, StrTrim(pair.second));
  }
  return options;
}

absl::StatusOr<KernelConfig> FindKernelConfig(std::string_view image, const std::string& path) {
  if (const std::optional<std::string> text = Embedded(image)) {
    return KernelConfig{path, ParseKernelConfig(*text)};
  }
  for (const std::string& candidate : Candidates(path)) {
    const absl::StatusOr<std::string> text = ReadFile(candidate, kLimit);
    if (!text.ok()) continue;
    KernelOptions options = ParseKernelConfig(*text);
    if (!options.empty()) return KernelConfig{candidate, std::move(options)};
  }
  return absl::NotFoundError(StrCat("the configuration of ", path, " is neither in it nor beside it"));
}

}  // namespace cc::node_check
