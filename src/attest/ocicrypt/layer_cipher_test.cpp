// SPDX-License-Identifier: Apache-2.0
#include "attest/ocicrypt/layer_cipher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "base/process.h"
#include "base/strings.h"
#include "jose/digest.h"

namespace cc::attest {
namespace {

using ::testing::HasSubstr;

// Serves `text` in pieces of `piece` bytes.
ReadBlock Pieces(std::string_view text, size_t piece) {
  return [text, piece, at = size_t{0}]() mutable -> absl::StatusOr<std::string_view> {
    const std::string_view next = text.substr(std::min(at, text.size()), piece);
    at += next.size();
    return next;
  };
}
WriteBlock Into(std::string* out) {
  return [out](std::string_view piece) {
    out->append(piece);
    return absl::OkStatus();
  };
}

struct Sample {
  EncryptedLayerInfo info;
  std::string ciphertext;
};
Sample Encrypt(std::string_view plain, size_t piece = 1000) {
  Sample sample;
  absl::StatusOr<EncryptedLayerInfo> info = EncryptLayer(Pieces(plain, piece), Into(&sample.ciphertext));
  EXPECT_TRUE(info.ok()) << info.status();
  sample.info = *std::move(info);
  return sample;
}
LayerSecrets CopyOf(const LayerSecrets& secrets) {
  return {.key = SecretBytes::CopyOf(secrets.key.view()),
          .nonce = secrets.nonce,
          .hmac = secrets.hmac,
          .plain_digest = secrets.plain_digest};
}

class LayerCipherSizes : public ::testing::TestWithParam<size_t> {};

TEST_P(LayerCipherSizes, DecryptsWhatWasEncryptedInAnyPieces) {
  const std::string plain = jose::RandomBytes(GetParam());
  const Sample sample = Encrypt(plain);
  EXPECT_EQ(sample.info.size, plain.size());
  EXPECT_EQ(sample.info.digest,
            "sha256:" + jose::ToHex(jose::Digest(jose::Hash::kSha256, sample.ciphertext)));
  for (const size_t piece : {size_t{1}, size_t{4099}, size_t{1} << 22}) {
    if (piece == 1 && plain.size() > 10000) continue;
    for (const bool with_digest : {true, false}) {
      LayerSecrets secrets = CopyOf(sample.info.secrets);
      if (!with_digest) secrets.plain_digest.clear();
      std::string out;
      LayerDecryptor decryptor(std::move(secrets));
      ASSERT_TRUE(decryptor.Decrypt(Pieces(sample.ciphertext, piece), Into(&out)).ok());
      EXPECT_EQ(out, plain);
    }
  }
}
INSTANTIATE_TEST_SUITE_P(All, LayerCipherSizes, ::testing::Values(0, 1, 15, 16, 17, 5000, 262144, 20000000));

// An independent reading of the format.
TEST(LayerCipher, OpensslAgrees) {
  const std::string plain = jose::RandomBytes(100001);
  const Sample sample = Encrypt(plain);
  const std::string key = jose::ToHex(sample.info.secrets.key.view());
  absl::StatusOr<Output> decrypted = cc::Run({.argv = {"openssl", "enc", "-d", "-aes-256-ctr", "-K", key,
                                                       "-iv", jose::ToHex(sample.info.secrets.nonce)}},
                                             sample.ciphertext);
  ASSERT_TRUE(decrypted.ok()) << decrypted.status();
  EXPECT_EQ(decrypted->out, plain);
  absl::StatusOr<Output> hmac =
      cc::Run({.argv = {"openssl", "dgst", "-sha256", "-mac", "HMAC", "-macopt", "hexkey:" + key, "-r"}},
              sample.ciphertext);
  ASSERT_TRUE(hmac.ok()) << hmac.status();
  EXPECT_EQ(hmac->out.substr(0, 64), jose::ToHex(sample.info.secrets.hmac));
}

TEST(LayerCipher, NothingOfAForgedLayerIsGivenOut) {
  const std::string plain(1 << 20, 'p');
  const Sample sample = Encrypt(plain);
  const struct {
    const char* name;
    void (*change)(LayerSecrets&, std::string& ciphertext);
    const char* message;
  } kCases[] = {
      {"flipped bit", [](LayerSecrets&, std::string& c) { c[500000] ^= 1; }, "HMAC"},
      {"flipped last bit", [](LayerSecrets&, std::string& c) { c.back() ^= '\x80'; }, "HMAC"},
      {"truncated", [](LayerSecrets&, std::string& c) { c.pop_back(); }, "HMAC"},
      {"emptied", [](LayerSecrets&, std::string& c) { c.clear(); }, "HMAC"},
      {"longer", [](LayerSecrets&, std::string& c) { c.push_back('x'); }, "HMAC"},
      {"blocks swapped", [](LayerSecrets&, std::string& c) { std::swap_ranges(&c[0], &c[16], &c[16]); },
       "HMAC"},
      {"wrong key", [](LayerSecrets& s, std::string&) { s.key = SecretBytes(jose::RandomBytes(32)); },
       "HMAC"},
      {"other HMAC", [](LayerSecrets& s, std::string&) { s.hmac[0] ^= 1; }, "HMAC"},
      {"missing HMAC", [](LayerSecrets& s, std::string&) { s.hmac.clear(); }, "HMAC is missing"},
      {"short HMAC", [](LayerSecrets& s, std::string&) { s.hmac.resize(16); }, "HMAC is missing"},
      {"wrong nonce", [](LayerSecrets& s, std::string&) { s.nonce[3] ^= 1; }, "another digest"},
      {"wrong digest", [](LayerSecrets& s, std::string&) { s.plain_digest.back() ^= 1; }, "another digest"},
      {"short key", [](LayerSecrets& s, std::string&) { s.key = SecretBytes(std::string(16, 'k')); },
       "length"},
      {"short nonce", [](LayerSecrets& s, std::string&) { s.nonce.resize(12); }, "length"},
  };
  for (const auto& c : kCases) {
    LayerSecrets secrets = CopyOf(sample.info.secrets);
    std::string ciphertext = sample.ciphertext;
    c.change(secrets, ciphertext);
    std::string out;
    LayerDecryptor decryptor(std::move(secrets));
    const absl::Status status = decryptor.Decrypt(Pieces(ciphertext, 65536), Into(&out));
    EXPECT_FALSE(status.ok()) << c.name;
    EXPECT_THAT(std::string(status.message()), HasSubstr(c.message)) << c.name;
    EXPECT_TRUE(out.empty()) << c.name;
  }
}

TEST(LayerCipher, HmacOverOtherDataDoesNotHelp) {
  const Sample one = Encrypt(std::string(1000, 'a'));
  const Sample two = Encrypt(std::string(1000, 'b'));
  LayerSecrets secrets = CopyOf(one.info.secrets);
  secrets.hmac = two.info.secrets.hmac;
  std::string out;
  EXPECT_TRUE(absl::IsPermissionDenied(
      LayerDecryptor(std::move(secrets)).Decrypt(Pieces(two.ciphertext, 100), Into(&out))));
  EXPECT_TRUE(out.empty());
}

TEST(LayerCipher, PassesOnErrorsAndStopsAtTheLimit) {
  const Sample sample = Encrypt(std::string(100000, 'p'));
  std::string out;
  LayerDecryptor limited(CopyOf(sample.info.secrets), 99999);
  EXPECT_TRUE(absl::IsResourceExhausted(limited.Decrypt(Pieces(sample.ciphertext, 1000), Into(&out))));
  LayerDecryptor exact(CopyOf(sample.info.secrets), 100000);
  EXPECT_TRUE(exact.Decrypt(Pieces(sample.ciphertext, 1000), Into(&out)).ok());
  LayerDecryptor decryptor(CopyOf(sample.info.secrets));
  EXPECT_TRUE(absl::IsAborted(decryptor.Decrypt([] { return absl::AbortedError("download"); }, Into(&out))));
  EXPECT_TRUE(absl::IsDataLoss(decryptor.Decrypt(
      Pieces(sample.ciphertext, 1000), [](std::string_view) { return absl::DataLossError("full"); })));
}

}  // namespace
}  // namespace cc::attest
