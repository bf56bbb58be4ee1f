// SPDX-License-Identifier: Apache-2.0
#include "cca/cose_sign1.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"
#include "cca/cbor_writer.h"
#include "cca/cose_key.h"
#include "jose/digest.h"

namespace cc::cca {
namespace {

using jose::Key;
using jose::KeyType;

std::string Hex(std::string_view text) { return jose::FromHex(text).value(); }

// RFC 8152 appendix C.2.1, key "11" of appendix C.7.1.
constexpr char kRfcMessage[] =
    "d28443a10126a10442313154546869732069732074686520636f6e74656e742e58408eb33e4ca31d1c465ab05aac34cc6b23d58f"
    "ef5c08"
    "3106c4d25a91aef0b0117e2af9a291aa32e14ab834dc56ed2a223444547e01f11d3b0916e5a4c345cacb36";
constexpr char kRfcPoint[] =
    "04bac5b11cad8f99f9c72b05cf4b9e26d244dc189f745228255a219a86d6a09eff20138bf82dc1b6d562be0fa54ab7804a3a64b6"
    "d72c"
    "cfed6b6fb6ed28bbfc117e";

TEST(CoseSign1, VerifiesTheExampleOfTheRfc) {
  const Key key = KeyFromPoint(Hex(kRfcPoint)).value();
  const CoseSign1 message = CoseSign1::Parse(Hex(kRfcMessage), "example").value();
  EXPECT_EQ(message.algorithm(), CoseAlgorithm::kEs256);
  EXPECT_EQ(message.unverified_payload(), "This is the content.");
  EXPECT_TRUE(message.Verify(key).ok()) << message.Verify(key);
}

TEST(CoseSign1, SignsAndVerifiesWithEachCurve) {
  for (KeyType type : {KeyType::kP256, KeyType::kP384, KeyType::kP521}) {
    const Key key = Key::Generate(type).value();
    const std::string bytes = CoseSign("payload", key).value();
    const CoseSign1 message = CoseSign1::Parse(bytes, "own").value();
    EXPECT_TRUE(message.Verify(key).ok());
    EXPECT_EQ(message.Verify(Key::Generate(type).value()).code(), absl::StatusCode::kPermissionDenied);
    // Without the tag it is the same message.
    EXPECT_TRUE(CoseSign1::Parse(bytes.substr(1), "untagged").value().Verify(key).ok());
  }
}

TEST(CoseSign1, EveryChangedBitIsNoticed) {
  const Key key = Key::Generate(KeyType::kP256).value();
  const std::string bytes = CoseSign("payload", key).value();
  for (size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    std::string changed = bytes;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << (bit % 8)));
    const auto message = CoseSign1::Parse(changed, "changed");
    EXPECT_FALSE(message.ok() && message->Verify(key).ok()) << bit;
  }
}

// The parts of a COSE_Sign1, to be put together wrongly.
struct Parts {
  std::string protected_header = Hex("a10126");
  std::string unprotected = Hex("a0");
  std::string payload = Hex("43616263");
  std::string signature = CborWriter().Bytes(std::string(64, 's')).str();
  std::string Encode() const {
    return CborWriter()
        .Tag(18)
        .Array(4)
        .Bytes(protected_header)
        .Raw(unprotected)
        .Raw(payload)
        .Raw(signature)
        .str();
  }
};

TEST(CoseSign1, RefusesWhatIsNotAPlainEcdsaMessage) {
  EXPECT_TRUE(CoseSign1::Parse(Parts{}.Encode(), "good").ok());
  const std::pair<Parts, const char*> cases[] = {
      {{.protected_header = ""}, "names no algorithm"},
      {{.protected_header = Hex("a0")}, "algorithm (key 1) is missing"},
      {{.protected_header = Hex("80")}, "expected map"},
      {{.protected_header = Hex("a1012600")}, "follow the item"},
      {{.protected_header = Hex("a201260126")}, "occurs twice"},
      {{.protected_header = Hex("a10105")}, "algorithm 5 is not"},        // HMAC
      {{.protected_header = Hex("a10127")}, "algorithm -8 is not"},       // EdDSA
      {{.protected_header = Hex("a10100")}, "algorithm 0 is not"},        // reserved
      {{.protected_header = Hex("a101646e6f6e65")}, "expected integer"},  // "none"
      {{.protected_header = Hex("a20126028104")}, "critical"},
      {{.unprotected = Hex("a10126")}, "outside the protected"},
      {{.unprotected = Hex("a1028104")}, "outside the protected"},
      {{.unprotected = Hex("80")}, "expected map"},
      {{.payload = Hex("f6")}, "detached"},
      {{.payload = Hex("63616263")}, "expected bytes"},
      {{.signature = Hex("f6")}, "expected bytes"},
  };
  for (const auto& [parts, text] : cases) {
    const absl::Status status = CoseSign1::Parse(parts.Encode(), "bad").status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(std::string(MessageOf(status)), testing::HasSubstr(text));
  }
  EXPECT_FALSE(CoseSign1::Parse(Hex("d18443a10126a0436162634173"), "MAC0").ok());
  EXPECT_FALSE(CoseSign1::Parse(Hex("d28343a10126a043616263"), "three parts").ok());
  EXPECT_FALSE(CoseSign1::Parse(Hex("d2d28443a10126a0436162634173"), "tagged twice").ok());
}

TEST(CoseSign1, AlgorithmMustFitTheCurve) {
  const Key p256 = Key::Generate(KeyType::kP256).value();
  const Key p384 = Key::Generate(KeyType::kP384).value();
  const Key ed25519 = Key::Generate(KeyType::kEd25519).value();
  const CoseSign1 message = CoseSign1::Parse(CoseSign("x", p384).value(), "p384").value();
  for (const Key* key : {&p256, &ed25519}) {
    EXPECT_THAT(std::string(MessageOf(message.Verify(*key))), testing::HasSubstr("does not fit"));
  }
  EXPECT_FALSE(CoseSign("x", ed25519).ok());
}

TEST(CoseSign1, SignatureHasFullWidth) {
  const Key key = Key::Generate(KeyType::kP256).value();
  for (size_t size : {0u, 63u, 65u, 96u}) {
    const Parts parts{.signature = CborWriter().Bytes(std::string(size, 's')).str()};
    const auto message = CoseSign1::Parse(parts.Encode(), "size").value();
    EXPECT_THAT(std::string(MessageOf(message.Verify(key))), testing::HasSubstr("64 are due")) << size;
  }
  const Parts zero{.signature = CborWriter().Bytes(std::string(64, '\0')).str()};
  EXPECT_FALSE(CoseSign1::Parse(zero.Encode(), "zero").value().Verify(key).ok());
}

TEST(CoseSign1, PublicKeysCannotSign) {
  const Key key = KeyFromPoint(Hex(kRfcPoint)).value();
  EXPECT_EQ(CoseSign("x", key).status().code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace cc::cca
