// SPDX-License-Identifier: Apache-2.0
#include "ttrpc/envelope.h"

#include <cstdint>
#include <utility>

#include "base/strings.h"
#include "ttrpc/frame.h"
#include "ttrpc/ttrpc.pb.h"

namespace cc::ttrpc {
namespace {

constexpr size_t kMaxText = 16 << 10;

// Length of the UTF-8 sequence that starts `text`, 0 when there is no valid one (RFC 3629, table 3-7 of
// Unicode: no overlong forms, no surrogates, nothing above U+10FFFF).
size_t SequenceLength(std::string_view text) {
  const auto at = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t first = at(0);
  if (first < 0x80) return 1;
  const size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((at(i) & 0xC0) != 0x80) return 0;
  }
  const uint8_t second = at(1);
  if ((first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F)) return 0;
  if ((first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F)) return 0;
  return length;
}

absl::StatusCode Code(int32_t wire) {
  if (wire < 0 || wire > static_cast<int32_t>(absl::StatusCode::kUnauthenticated)) {
    return absl::StatusCode::kUnknown;
  }
  return static_cast<absl::StatusCode>(wire);
}

}  // namespace

std::string CleanText(std::string_view text) {
  std::string clean;
  while (!text.empty() && clean.size() < kMaxText) {
    const size_t length = SequenceLength(text);
    if (length == 0) {
      clean.push_back('?');
    } else {
      clean.append(text.substr(0, length));
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return clean;
}

std::string EncodeResponse(const absl::Status& status, std::string&& payload) {
  ::ttrpc::Response response;
  if (status.ok()) {
    response.set_payload(std::move(payload));
  } else {
    response.mutable_status()->set_code(static_cast<int32_t>(status.code()));
    response.mutable_status()->set_message(CleanText(MessageOf(status)));
  }
  const size_t size = response.ByteSizeLong();
  if (size > kMaxBody) {
    return EncodeResponse(
        absl::ResourceExhaustedError(StrCat("answer of ", size, " bytes is above the ttrpc limit of ",
                                            kMaxBody, "; ask for less at once")),
        {});
  }
  return response.SerializeAsString();
}

absl::StatusOr<std::string> DecodeResponse(std::string_view body) {
  ::ttrpc::Response response;
  if (!response.ParseFromArray(body.data(), static_cast<int>(body.size()))) {
    return absl::InternalError("the peer's answer is no ttrpc response");
  }
  const absl::StatusCode code = Code(response.status().code());
  if (code != absl::StatusCode::kOk) return absl::Status(code, CleanText(response.status().message()));
  return std::move(*response.mutable_payload());
}

}  // namespace cc::ttrpc
