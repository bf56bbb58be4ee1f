// SPDX-License-Identifier: Apache-2.0
#include "ttrpc/envelope.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "ttrpc/frame.h"
#include "ttrpc/ttrpc.pb.h"

namespace cc::ttrpc {
namespace {

TEST(EnvelopeTest, CodesMapOneToOne) {
  for (int code = 1; code <= 16; ++code) {
    const absl::Status status(static_cast<absl::StatusCode>(code), "why");
    ::ttrpc::Response wire;
    ASSERT_TRUE(wire.ParseFromString(EncodeResponse(status, "dropped")));
    EXPECT_EQ(wire.status().code(), code);
    EXPECT_EQ(wire.payload(), "");
    EXPECT_EQ(DecodeResponse(wire.SerializeAsString()).status(), status);
  }
}

TEST(EnvelopeTest, UnknownCodeIsUnknown) {
  for (int code : {17, 1000, -1}) {
    ::ttrpc::Response wire;
    wire.mutable_status()->set_code(code);
    wire.mutable_status()->set_message("odd");
    EXPECT_EQ(DecodeResponse(wire.SerializeAsString()).status(), absl::UnknownError("odd"));
  }
}

TEST(EnvelopeTest, PayloadComesBackWithOrWithoutOkStatus) {
  EXPECT_EQ(*DecodeResponse(EncodeResponse(absl::OkStatus(), "data")), "data");
  ::ttrpc::Response wire;  // ttrpc for Rust sends an explicit OK
  wire.mutable_status()->set_code(0);
  wire.set_payload("data");
  EXPECT_EQ(*DecodeResponse(wire.SerializeAsString()), "data");
  EXPECT_EQ(*DecodeResponse(""), "");
}

TEST(EnvelopeTest, GarbageIsInternal) {
  EXPECT_TRUE(absl::IsInternal(DecodeResponse("\xff\xff\xff").status()));
}

TEST(EnvelopeTest, PayloadThatDoesNotFitBecomesResourceExhausted) {
  const std::string fits(kMaxBody - 5, 'x');  // one byte of tag, four of length
  EXPECT_EQ(EncodeResponse(absl::OkStatus(), std::string(fits)).size(), kMaxBody);
  const std::string body = EncodeResponse(absl::OkStatus(), fits + "x");
  EXPECT_TRUE(absl::IsResourceExhausted(DecodeResponse(body).status()));
}

TEST(EnvelopeTest, CleanTextReplacesWhatIsNoUtf8) {
  struct Case {
    std::string text;
    std::string clean;
  };
  const std::vector<Case> cases = {
      {"", ""},
      {"plain", "plain"},
      {"h\u00e9 \u20ac \U0001F600", "h\u00e9 \u20ac \U0001F600"},
      {"a\xff"
       "b",
       "a?b"},
      {"\xc3", "?"},                // cut sequence
      {"\xe2\x82", "??"},           // cut sequence
      {"\xc0\xaf", "??"},           // overlong
      {"\xe0\x80\xaf", "???"},      // overlong
      {"\xed\xa0\x80", "???"},      // surrogate
      {"\xf4\x90\x80\x80", "????"}  // above U+10FFFF
  };
  for (const Case& c : cases) EXPECT_EQ(CleanText(c.text), c.clean) << c.text;
}

TEST(EnvelopeTest, CleanTextIsBounded) {
  EXPECT_LE(CleanText(std::string(1 << 20, 'x')).size(), 17000u);
  EXPECT_LE(CleanText(std::string(1 << 20, '\xff')).size(), 17000u);
}

}  // namespace
}  // namespace cc::ttrpc
