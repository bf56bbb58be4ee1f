// SPDX-License-Identifier: Apache-2.0
#include "image/layer_unpacker.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <string>
#include <vector>

#include "base/file.h"
#include "image/test_compress.h"
#include "image/test_tar.h"

namespace cc::image {
namespace {

using testing::Gzip;
using ::testing::HasSubstr;
using testing::TarBuilder;
using testing::Zstd;

Digest Sha256(const std::string& data) { return Digest::Of(HashAlgorithm::kSha256, data); }

// Delivers `blob` in pieces and answers with `end`.
FetchBlob Deliver(const std::string& blob, absl::Status end = absl::OkStatus(),
                  std::atomic<size_t>* delivered = nullptr) {
  return [=](const ByteSink& sink, std::stop_token) {
    for (size_t at = 0; at < blob.size(); at += 10000) {
      absl::Status status = sink(std::string_view(blob).substr(at, 10000));
      if (!status.ok()) return status;
      if (delivered != nullptr) *delivered += 10000;
    }
    return end;
  };
}

class LayerUnpackerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "owners need root";
  }
  absl::StatusOr<UnpackResult> Unpack(FetchBlob fetch, Compression compression, const Digest& diff_id,
                                      std::stop_token stop = {}, uint64_t max_bytes = UINT64_MAX) {
    return UnpackLayer({std::move(fetch), StagesFor(compression), diff_id, {max_bytes}},
                       OpenFile(dir_.path(), O_RDONLY | O_DIRECTORY).value(), stop);
  }

  const std::string tar_ =
      TarBuilder().File("a", std::string(3000000, 'a')).File("b", std::string(10, 'b')).Finish();
  TempDir dir_ = TempDir::Create("/tmp/cc-layer-").value();
};

TEST_F(LayerUnpackerTest, UnpacksAllCompressions) {
  for (const auto& [compression, blob] : {std::pair{Compression::kNone, tar_},
                                          {Compression::kGzip, Gzip(tar_)},
                                          {Compression::kZstd, Zstd(tar_)}}) {
    const auto result = Unpack(Deliver(blob), compression, Sha256(tar_));
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(result->tar_bytes, tar_.size());
    EXPECT_EQ(std::filesystem::file_size(dir_.path() + "/a"), 3000000u);
  }
}

TEST_F(LayerUnpackerTest, ChecksADiffIdOfEitherAlgorithm) {
  EXPECT_TRUE(Unpack(Deliver(Gzip(tar_)), Compression::kGzip, Digest::Of(HashAlgorithm::kSha512, tar_)).ok());
  const auto result = Unpack(Deliver(Gzip(tar_)), Compression::kGzip, Sha256("other"));
  EXPECT_EQ(result.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(result.status().ToString(), HasSubstr(Sha256("other").ToString()));
}

TEST_F(LayerUnpackerTest, TheHashCoversWhatFollowsTheArchive) {
  const std::string longer = tar_ + std::string(100000, '\0');
  EXPECT_TRUE(Unpack(Deliver(longer), Compression::kNone, Sha256(longer)).ok());
  EXPECT_EQ(Unpack(Deliver(longer), Compression::kNone, Sha256(tar_)).status().code(),
            absl::StatusCode::kDataLoss);
}

TEST_F(LayerUnpackerTest, ReportsTheDownloadsErrorAndNotItsConsequence) {
  const std::string gzip = Gzip(tar_);
  for (const std::string& blob : {std::string("garbage"), gzip.substr(0, gzip.size() / 2), gzip}) {
    const auto result =
        Unpack(Deliver(blob, absl::DataLossError("digest mismatch")), Compression::kGzip, Sha256(tar_));
    EXPECT_THAT(result.status().ToString(), HasSubstr("digest mismatch"));
  }
}

TEST_F(LayerUnpackerTest, AGoodDownloadOfABadLayerIsTheLayersFault) {
  const auto result = Unpack(Deliver(std::string(2000000, 'x')), Compression::kGzip, Sha256(tar_));
  EXPECT_EQ(result.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(result.status().ToString(), HasSubstr("gzip"));
  const std::string evil = TarBuilder().File("../x", "y").Finish() + std::string(2000000, 'x');
  EXPECT_THAT(Unpack(Deliver(Gzip(evil)), Compression::kGzip, Sha256(evil)).status().ToString(),
              HasSubstr("'..'"));
  EXPECT_THAT(Unpack(Deliver(evil), Compression::kNone, Sha256(evil)).status().ToString(), HasSubstr("'..'"));
}

TEST_F(LayerUnpackerTest, ABombStopsTheDownload) {
  // 60 KB that inflate to 60 MB of one file, then as much again that need not be fetched.
  const std::string bomb = Gzip(TarBuilder().File("z", std::string(60 << 20, '\0')).Finish(), 9);
  std::atomic<size_t> delivered = 0;
  const auto result = Unpack(Deliver(bomb + std::string(20 << 20, 'x'), absl::OkStatus(), &delivered),
                             Compression::kGzip, Sha256("x"), {}, 1 << 20);
  EXPECT_EQ(result.status().code(), absl::StatusCode::kResourceExhausted) << result.status();
  EXPECT_LT(delivered, size_t{10} << 20);
  EXPECT_LT(std::filesystem::exists(dir_.path() + "/z") ? std::filesystem::file_size(dir_.path() + "/z") : 0,
            2u << 20);
}

TEST_F(LayerUnpackerTest, StopEndsAllStages) {
  std::stop_source stop;
  const FetchBlob endless = [&](const ByteSink& sink, std::stop_token) {
    const std::string piece = Gzip(std::string(1000, '\0'));
    for (int i = 0;; ++i) {
      if (i == 100) stop.request_stop();
      absl::Status status = sink(piece);
      if (!status.ok()) return status;
    }
  };
  EXPECT_EQ(Unpack(endless, Compression::kGzip, Sha256("x"), stop.get_token()).status().code(),
            absl::StatusCode::kCancelled);
}

TEST_F(LayerUnpackerTest, AFurtherStageSeesAllBytesBeforeInflation) {
  // The place where decryption goes: here every byte is flipped.
  const auto flip = [](std::string data) {
    for (char& c : data) c = static_cast<char>(~c);
    return data;
  };
  const Stage unflip = [&](BlockPipe& in, BlockPipe& out) -> absl::Status {
    while (true) {
      absl::StatusOr<std::string_view> block = in.Next();
      if (!block.ok()) return block.status();
      if (block->empty()) return absl::OkStatus();
      if (absl::Status status = out.Append(flip(std::string(*block))); !status.ok()) return status;
    }
  };
  std::vector<Stage> stages = StagesFor(Compression::kGzip);
  stages.insert(stages.begin(), unflip);
  const auto result = UnpackLayer({Deliver(flip(Gzip(tar_))), stages, Sha256(tar_), {}},
                                  OpenFile(dir_.path(), O_RDONLY | O_DIRECTORY).value(), {});
  EXPECT_TRUE(result.ok()) << result.status();
}

}  // namespace
}  // namespace cc::image
