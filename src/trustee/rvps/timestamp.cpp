// SPDX-License-Identifier: Apache-2.0
#include "trustee/rvps/timestamp.h"

#include <array>
#include <chrono>
#include <cstdio>

#include "base/strings.h"

namespace cc::trustee {
namespace {

using std::chrono::days;
using std::chrono::seconds;
using std::chrono::sys_days;
using std::chrono::year_month_day;

constexpr int64_t kSecondsPerDay = 86400;

}  // namespace

std::string FormatTimestamp(int64_t time) {
  const sys_days day = std::chrono::floor<days>(std::chrono::sys_seconds(seconds(time)));
  const year_month_day date(day);
  const int64_t rest = time - day.time_since_epoch().count() * kSecondsPerDay;
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02dZ", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                static_cast<int>(rest / 3600), static_cast<int>(rest / 60 % 60), static_cast<int>(rest % 60));
  return text.data();
}

absl::StatusOr<int64_t> ParseTimestamp(std::string_view text) {
  const absl::Status bad = absl::InvalidArgumentError(
      StrCat("time '", text.substr(0, 32), "' is not of the form 2027-01-31T00:00:00Z"));
  if (text.size() != 20 || text[4] != '-' || text[7] != '-' || text[10] != 'T' || text[13] != ':' ||
      text[16] != ':' || text[19] != 'Z') {
    return bad;
  }
  struct Part {
    size_t at;
    size_t size;
    unsigned max;
  };
  constexpr std::array<Part, 6> kParts = {
      {{0, 4, 9999}, {5, 2, 12}, {8, 2, 31}, {11, 2, 23}, {14, 2, 59}, {17, 2, 59}}};
  std::array<unsigned, 6> parts{};
  for (size_t i = 0; i < kParts.size(); ++i) {
    if (!ParseNumber(text.substr(kParts[i].at, kParts[i].size), &parts[i]) || parts[i] > kParts[i].max)
      return bad;
  }
  const year_month_day date(std::chrono::year(static_cast<int>(parts[0])), std::chrono::month(parts[1]),
                            std::chrono::day(parts[2]));
  if (!date.ok()) return bad;
  return sys_days(date).time_since_epoch().count() * kSecondsPerDay + parts[3] * 3600 + parts[4] * 60 +
         parts[5];
}

int64_t AddMonths(int64_t time, int months) {
  const sys_days day = std::chrono::floor<days>(std::chrono::sys_seconds(seconds(time)));
  const int64_t rest = time - day.time_since_epoch().count() * kSecondsPerDay;
  year_month_day date = year_month_day(day) + std::chrono::months(months);
  if (!date.ok()) date = date.year() / date.month() / std::chrono::last;
  return sys_days(date).time_since_epoch().count() * kSecondsPerDay + rest;
}

}  // namespace cc::trustee
