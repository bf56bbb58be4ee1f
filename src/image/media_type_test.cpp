// SPDX-License-Identifier: Apache-2.0
#include "image/media_type.h"

#include <gtest/gtest.h>

#include <string>

namespace cc::image {
namespace {

struct Case {
  std::string media_type;
  Compression compression;
  bool encrypted;
};

TEST(MediaTypeTest, KnowsLayersOfOciAndDocker) {
  const std::string oci = "application/vnd.oci.image.layer.v1.tar";
  const std::string docker = "application/vnd.docker.image.rootfs.diff.tar";
  for (const Case& c :
       {Case{oci, Compression::kNone, false}, Case{oci + "+gzip", Compression::kGzip, false},
        Case{oci + "+zstd", Compression::kZstd, false}, Case{oci + "+encrypted", Compression::kNone, true},
        Case{oci + "+gzip+encrypted", Compression::kGzip, true},
        Case{oci + "+zstd+encrypted", Compression::kZstd, true}, Case{docker, Compression::kNone, false},
        Case{docker + ".gzip", Compression::kGzip, false}, Case{docker + ".zstd", Compression::kZstd, false},
        Case{"application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", Compression::kGzip, false}}) {
    const absl::StatusOr<LayerType> type = ParseLayerType(c.media_type);
    ASSERT_TRUE(type.ok()) << type.status();
    EXPECT_EQ(type->compression, c.compression) << c.media_type;
    EXPECT_EQ(type->encrypted, c.encrypted) << c.media_type;
  }
}

TEST(MediaTypeTest, NamesWhatItDoesNotKnow) {
  for (const char* bad : {"", "application/octet-stream", "application/vnd.oci.image.layer.v1.tar+xz",
                          "application/vnd.oci.image.layer.v1.tar+gzip+encrypted+encrypted",
                          "Application/vnd.oci.image.layer.v1.tar"}) {
    const absl::StatusOr<LayerType> type = ParseLayerType(bad);
    EXPECT_EQ(type.status().code(), absl::StatusCode::kUnimplemented) << bad;
  }
}

}  // namespace
}  // namespace cc::image
