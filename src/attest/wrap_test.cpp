// SPDX-License-Identifier: Apache-2.0
#include "attest/wrap.h"

#include <gtest/gtest.h>

#include "base/strings.h"
#include "jose/digest.h"

namespace cc::attest {
namespace {

// The CAVP vector of AES-256-GCM in NIST SP 800-38D's test case 14 (key and IV zero, one zero block), and of
// AES-256-CTR in SP 800-38A F.5.5 (first block).
TEST(Wrap, AgreesWithPublishedVectors) {
  const struct {
    WrapType type;
    const char *key, *iv, *plain, *wrapped;
  } kCases[] = {
      {WrapType::kA256Gcm, "0000000000000000000000000000000000000000000000000000000000000000",
       "000000000000000000000000", "00000000000000000000000000000000",
       "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"},
      {WrapType::kA256Ctr, "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
       "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff", "6bc1bee22e409f96e93d7e117393172a",
       "601ec313775789a5b7a7f504bbf3d228"},
  };
  for (const auto& c : kCases) {
    const std::string key = *jose::FromHex(c.key), iv = *jose::FromHex(c.iv);
    EXPECT_EQ(jose::ToHex(*Wrap(c.type, key, iv, *jose::FromHex(c.plain))), c.wrapped);
    EXPECT_EQ(jose::ToHex(Unwrap(c.type, key, iv, *jose::FromHex(c.wrapped))->view()), c.plain);
  }
}

TEST(Wrap, RefusesWrongLengthsAndTampering) {
  const std::string key(32, 'k');
  for (const WrapType type : {WrapType::kA256Gcm, WrapType::kA256Ctr}) {
    const std::string iv(WrapIvSize(type), 'i');
    EXPECT_TRUE(absl::IsInvalidArgument(Wrap(type, key.substr(1), iv, "x").status()));
    EXPECT_TRUE(absl::IsInvalidArgument(Wrap(type, key, iv + "i", "x").status()));
    EXPECT_TRUE(absl::IsInvalidArgument(Unwrap(type, "", iv, std::string(32, 'x')).status()));
    EXPECT_TRUE(absl::IsInvalidArgument(Unwrap(type, key, "", std::string(32, 'x')).status()));
    EXPECT_EQ(Unwrap(type, key, iv, *Wrap(type, key, iv, ""))->view(), "");
  }
  const std::string iv(12, 'i');
  std::string wrapped = *Wrap(WrapType::kA256Gcm, key, iv, "secret");
  for (size_t i = 0; i < wrapped.size(); ++i) {
    std::string changed = wrapped;
    changed[i] ^= 1;
    EXPECT_TRUE(absl::IsPermissionDenied(Unwrap(WrapType::kA256Gcm, key, iv, changed).status())) << i;
    EXPECT_FALSE(Unwrap(WrapType::kA256Gcm, key, iv, wrapped.substr(0, i)).ok()) << i;
  }
}

TEST(Wrap, NamesAreTheProtocols) {
  EXPECT_EQ(*ParseWrapType("A256GCM"), WrapType::kA256Gcm);
  EXPECT_EQ(*ParseWrapType("A256CTR"), WrapType::kA256Ctr);
  for (const char* name : {"", "a256gcm", "A256GCM ", "A128GCM", "none"})
    EXPECT_FALSE(ParseWrapType(name).ok()) << name;
}

}  // namespace
}  // namespace cc::attest
