// SPDX-License-Identifier: Apache-2.0
#include "image/inflate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <thread>

#include "image/layer_unpacker.h"
#include "image/test_compress.h"

namespace cc::image {
namespace {

using testing::Gzip;
using ::testing::HasSubstr;
using testing::Zstd;

// Runs one stage with blocks of the given sizes.
absl::StatusOr<std::string> Inflate(const Stage& stage, const std::string& input, size_t in_block = 64,
                                    size_t out_block = 100) {
  BlockPipe in(in_block, 2), out(out_block, 2);
  std::jthread feeder([&] { in.Finish(in.Append(input)); });
  std::jthread worker([&] {
    absl::Status status = stage(in, out);
    if (!status.ok()) in.Abort(status);
    out.Finish(status);
  });
  std::string result;
  while (true) {
    absl::StatusOr<std::string_view> block = out.Next();
    if (!block.ok()) return block.status();
    if (block->empty()) return result;
    result += *block;
  }
}

std::string Sample(size_t size, unsigned seed) {
  std::minstd_rand random(seed);
  std::string text;
  while (text.size() < size) {
    text += "line " + std::to_string(random() % 1000) + " of a file that compresses\n";
    if (random() % 7 == 0) text.append(random() % 300, static_cast<char>(random()));
    if (random() % 5 == 0) {
      for (int i = 0; i < 50; ++i) text.push_back(static_cast<char>(random() >> 8));
    }
  }
  text.resize(size);
  return text;
}

struct Codec {
  const char* name;
  Stage stage;
  std::string (*compress)(const std::string&, int);
};

class InflateTest : public ::testing::TestWithParam<Codec> {
 protected:
  std::string Compress(const std::string& data, int level = 6) { return GetParam().compress(data, level); }
  absl::StatusOr<std::string> Run(const std::string& input, size_t in_block = 64, size_t out_block = 100) {
    return Inflate(GetParam().stage, input, in_block, out_block);
  }
};

INSTANTIATE_TEST_SUITE_P(Codecs, InflateTest,
                         ::testing::Values(Codec{"gzip", InflateGzip, &Gzip},
                                           Codec{"zstd", InflateZstd, &Zstd}),
                         [](const auto& info) { return info.param.name; });

TEST_P(InflateTest, RestoresWhatWasCompressed) {
  for (const size_t size : {0, 1, 99, 100, 101, 5000, 300000}) {
    for (const int level : {1, 9}) {
      const std::string data = Sample(size, static_cast<unsigned>(size));
      for (const auto& [in_block, out_block] :
           {std::pair<size_t, size_t>{1, 1000}, {64, 100}, {1 << 18, 1 << 19}}) {
        absl::StatusOr<std::string> result = Run(Compress(data, level), in_block, out_block);
        ASSERT_TRUE(result.ok()) << result.status() << " size " << size;
        ASSERT_EQ(*result, data) << "size " << size << " level " << level << " blocks " << in_block;
      }
    }
  }
}

TEST_P(InflateTest, ReadsSeveralMembers) {
  const std::string a = Sample(1000, 1), b = Sample(70000, 2);
  for (const size_t in_block : {1, 17, 4096}) {
    absl::StatusOr<std::string> result = Run(Compress(a) + Compress("") + Compress(b), in_block);
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(*result, a + b);
  }
}

TEST_P(InflateTest, RefusesTruncationAnywhere) {
  const std::string whole = Compress(Sample(3000, 3));
  for (size_t length = 0; length < whole.size(); length += 1 + length / 10) {
    absl::StatusOr<std::string> result = Run(whole.substr(0, length));
    ASSERT_FALSE(result.ok()) << length << " of " << whole.size();
    EXPECT_EQ(result.status().code(), absl::StatusCode::kInvalidArgument);
  }
  EXPECT_THAT(Run(whole.substr(0, whole.size() - 1)).status().ToString(), HasSubstr("truncated"));
}

TEST_P(InflateTest, RefusesGarbageAndTrailingGarbage) {
  EXPECT_FALSE(Run("this is not compressed at all, is it").ok());
  EXPECT_FALSE(Run(std::string(4096, '\0')).ok());
  EXPECT_FALSE(Run(Compress("data") + "trailing").ok());
  EXPECT_FALSE(Run(Compress("data") + std::string(512, '\0')).ok());
}

TEST_P(InflateTest, NeverYieldsWrongDataForDamagedInput) {
  const std::string data = Sample(20000, 4);
  const std::string whole = Compress(data);
  std::minstd_rand random(5);
  int refused = 0;
  for (int i = 0; i < 200; ++i) {
    std::string damaged = whole;
    damaged[random() % damaged.size()] ^= static_cast<char>(1 << random() % 8);
    absl::StatusOr<std::string> result = Run(damaged, 512, 4096);
    refused += result.ok() ? 0 : 1;
    // gzip's check sum covers the data; a zstd frame made by ZSTD_compress has none, and the blob digest
    // does.
    if (result.ok() && std::string(GetParam().name) == "gzip") {
      EXPECT_EQ(*result, data);
    }
  }
  EXPECT_GT(refused, 0);
}

TEST(InflateGzipTest, ReportsAWrongChecksum) {
  std::string gzip = Gzip("some data");
  gzip[gzip.size() - 8] ^= 1;
  EXPECT_THAT(Inflate(InflateGzip, gzip).status().ToString(), HasSubstr("checksum"));
}

TEST(InflateGzipTest, ReadsHeaderWithNameAndExtraField) {
  // FLG = FEXTRA | FNAME, a 3-byte extra field, the name "n".
  const std::string plain = Gzip("payload");
  std::string gzip = plain.substr(0, 3) + '\x0c' + plain.substr(4, 6) + std::string("\x03\x00xyz", 5) +
                     std::string("n\0", 2) + plain.substr(10);
  absl::StatusOr<std::string> result = Inflate(InflateGzip, gzip);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(*result, "payload");
}

TEST(InflateZstdTest, SkipsSkippableFrames) {
  const std::string skippable("\x50\x2a\x4d\x18\x04\x00\x00\x00zzzz", 12);
  EXPECT_EQ(Inflate(InflateZstd, skippable + Zstd("payload") + skippable).value(), "payload");
}

TEST(InflateZstdTest, RefusesAHugeWindow) {
  // Magic, descriptor without content size, window descriptor for 2 GiB, one raw block of nothing.
  const std::string frame("\x28\xb5\x2f\xfd\x00\xa8\x01\x00\x00", 9);
  absl::StatusOr<std::string> result = Inflate(InflateZstd, frame);
  ASSERT_FALSE(result.ok());
  EXPECT_THAT(result.status().ToString(), HasSubstr("memory"));
}

}  // namespace
}  // namespace cc::image
