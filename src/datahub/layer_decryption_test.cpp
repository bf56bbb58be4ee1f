// SPDX-License-Identifier: Apache-2.0
#include "datahub/layer_decryption.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <utility>

#include "attest/test_keys.h"

namespace cc::datahub {
namespace {

using ::testing::HasSubstr;

const std::string kKek(32, 'k');
constexpr char kKeyId[] = "kbs:///default/key/1";

struct Encrypted {
  image::Descriptor descriptor;
  std::string blob;
};

Encrypted Encrypt(const std::string& plain) {
  std::string blob;
  std::string_view rest = plain;
  const auto info = attest::EncryptLayer([&]() { return std::exchange(rest, std::string_view()); },
                                         [&](std::string_view data) {
                                           blob.append(data);
                                           return absl::OkStatus();
                                         });
  EXPECT_TRUE(info.ok()) << info.status();
  image::Descriptor descriptor{"", *image::Digest::Parse(info->digest), info->size};
  descriptor.annotations =
      attest::SealLayer(info->secrets, *attest::ResourceUri::Parse(kKeyId), kKek).value();
  return {std::move(descriptor), std::move(blob)};
}

struct Outcome {
  absl::Status status, fed;
  std::string plain;
};

// Runs the stage between two pipes, as a pull does.
Outcome RunStage(const Encrypted& layer, attest::ResourceSource& keys) {
  image::BlockPipe in(4096, 2), out(4096, 2);
  attest::KbsKeyUnwrapper unwrapper(keys);
  Outcome outcome;
  std::thread feeder([&] {
    outcome.fed = in.Append(layer.blob);
    in.Finish(outcome.fed);
  });
  std::thread stage([&] {
    outcome.status = DecryptLayer(layer.descriptor, unwrapper)(in, out);
    if (!outcome.status.ok()) in.DiscardRest();
    out.Finish(outcome.status);
  });
  while (true) {
    const absl::StatusOr<std::string_view> block = out.Next();
    if (!block.ok() || block->empty()) break;
    outcome.plain.append(*block);
  }
  stage.join();
  feeder.join();
  return outcome;
}

TEST(LayerDecryption, GivesOutThePlainBlob) {
  for (const size_t size : {0, 1, 4096, 100001}) {
    const std::string plain(size, 'p');
    attest::TestKeys keys({{kKeyId, kKek}});
    const Outcome outcome = RunStage(Encrypt(plain), keys);
    ASSERT_TRUE(outcome.status.ok()) << outcome.status;
    EXPECT_EQ(outcome.plain, plain);
  }
}

TEST(LayerDecryption, GivesOutNothingOfAChangedBlob) {
  for (const size_t at : {size_t{0}, size_t{50000}, size_t{99999}}) {
    Encrypted layer = Encrypt(std::string(100000, 'p'));
    layer.blob[at] = static_cast<char>(layer.blob[at] ^ 1);
    attest::TestKeys keys({{kKeyId, kKek}});
    const Outcome outcome = RunStage(layer, keys);
    EXPECT_EQ(outcome.status.code(), absl::StatusCode::kPermissionDenied);
    EXPECT_THAT(outcome.status.ToString(), HasSubstr("HMAC"));
    EXPECT_EQ(outcome.plain, "");
  }
}

TEST(LayerDecryption, BlobLongerThanItsDescriptorIsRefused) {
  Encrypted layer = Encrypt(std::string(10000, 'p'));
  layer.descriptor.size = 9999;
  attest::TestKeys keys({{kKeyId, kKek}});
  EXPECT_EQ(RunStage(layer, keys).status.code(), absl::StatusCode::kResourceExhausted);
}

TEST(LayerDecryption, RefusedKeyEndsTheDownloadWithTheReason) {
  attest::TestKeys keys({});
  keys.set_error(absl::PermissionDeniedError("attestation: measurement 01ab is not endorsed"));
  const Outcome outcome = RunStage(Encrypt(std::string(1 << 20, 'p')), keys);
  EXPECT_EQ(outcome.status.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(outcome.status.ToString(), HasSubstr("attestation: measurement 01ab is not endorsed"));
  EXPECT_EQ(outcome.fed, outcome.status);  // whoever downloads is told to stop
}

TEST(LayerDecryption, NoKeyIsAskedForWhereTheAnnotationsHaveNoHmac) {
  Encrypted layer = Encrypt("x");
  layer.descriptor.annotations.erase(std::string(attest::kPublicOptionsAnnotation));
  attest::TestKeys keys({{kKeyId, kKek}});
  EXPECT_THAT(RunStage(layer, keys).status.ToString(), HasSubstr("HMAC"));
  EXPECT_EQ(keys.asked(), 0);
}

}  // namespace
}  // namespace cc::datahub
