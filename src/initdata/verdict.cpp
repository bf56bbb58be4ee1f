// SPDX-License-Identifier: Apache-2.0
#include "initdata/verdict.h"

#include <algorithm>
#include <array>
#include <string>

#include "base/file.h"
#include "base/status.h"
#include "base/strings.h"

namespace cc::initdata {
namespace {

constexpr std::string_view kBoundText = "bound\n";
constexpr std::string_view kNoTeeText = "no-tee\n";
constexpr std::string_view kRefusedPrefix = "refused ";
// Below PIPE_BUF and far below a pipe's capacity: writing never blocks.
constexpr size_t kMaxReason = 2048;

std::string Text(const absl::StatusOr<Binding>& verdict) {
  if (verdict.ok()) return std::string(*verdict == Binding::kBound ? kBoundText : kNoTeeText);
  std::string reason(MessageOf(verdict.status()).substr(0, kMaxReason));
  std::replace(reason.begin(), reason.end(), '\n', ' ');
  return StrCat(kRefusedPrefix, reason, "\n");
}

}  // namespace

absl::Status WriteVerdict(int fd, const absl::StatusOr<Binding>& verdict) {
  return Annotate(WriteFull(fd, Text(verdict)), "tell the agent what the initdata is worth");
}

absl::StatusOr<Binding> ReadVerdict(int fd) {
  std::string text;
  std::array<char, 512> buffer;
  for (;;) {
    CC_ASSIGN_OR_RETURN(const size_t size, ReadSome(fd, buffer));
    if (size == 0) break;
    text.append(buffer.data(), size);
    if (text.size() > kRefusedPrefix.size() + kMaxReason + 1) {
      return absl::UnavailableError("initdata: the data hub's verdict has no end");
    }
  }
  if (text == kBoundText) return Binding::kBound;
  if (text == kNoTeeText) return Binding::kNoTee;
  if (text.starts_with(kRefusedPrefix)) {
    return absl::PermissionDeniedError(
        std::string(StrTrim(std::string_view(text).substr(kRefusedPrefix.size()))));
  }
  return absl::UnavailableError(
      "initdata: the data hub ended before it said whether the hardware vouches for it");
}

}  // namespace cc::initdata
