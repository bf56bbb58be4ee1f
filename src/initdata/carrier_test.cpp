// SPDX-License-Identifier: Apache-2.0
#include "initdata/carrier.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"
#include "base/unique_fd.h"
#include "initdata/initdata.h"

namespace cc::initdata {
namespace {

constexpr char kText[] = "version = \"0.1.0\"\nalgorithm = \"sha256\"\n[data]\n";

UniqueFd FileOf(std::string_view bytes) {
  UniqueFd fd(::memfd_create("disk", MFD_CLOEXEC));
  EXPECT_TRUE(WriteFull(fd.get(), bytes).ok());
  return fd;
}

TEST(CarrierTest, DiskHasKatasForm) {
  const std::string gzip = Compress(kText);
  const std::string disk = MakeDisk(gzip);
  EXPECT_EQ(disk.size() % 512, 0u);
  EXPECT_EQ(disk.substr(0, 8), "initdata");
  EXPECT_EQ(static_cast<uint8_t>(disk[8]), gzip.size());  // little-endian, and small here
  EXPECT_EQ(disk.substr(9, 7), std::string(7, '\0'));
  EXPECT_EQ(disk.substr(16, gzip.size()), gzip);
  const auto text = ReadDisk(FileOf(disk).get());
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_EQ(*text, kText);
}

// What `printf abc | gzip -n` of GNU gzip 1.12 writes.
TEST(CarrierTest, ReadsForeignGzip) {
  const std::string gzip(
      "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x4b\x4c\x4a\x06\x00\xc2\x41\x24\x35\x03\x00\x00\x00", 23);
  const auto text = Decompress(gzip);
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_EQ(*text, "abc");
}

TEST(CarrierTest, RefusesDamagedGzip) {
  const std::string good = Compress(kText);
  std::string flipped = good;
  flipped[flipped.size() - 6] ^= 1;  // in the checksum
  for (const std::string& bad : {std::string(), std::string("abc"), good.substr(0, good.size() - 1),
                                 good + "x", flipped, Compress(std::string(kMaxSize + 1, 'a')),
                                 Compress(std::string(64 << 20, 'a')), std::string(kMaxSize + 1, '\x1f')}) {
    EXPECT_EQ(Decompress(bad).status().code(), absl::StatusCode::kInvalidArgument) << bad.size();
  }
  EXPECT_TRUE(Decompress(Compress(std::string(kMaxSize, 'a'))).ok());
}

TEST(CarrierTest, DisksWithoutInitdataAndDamagedOnes) {
  const std::string disk = MakeDisk(Compress(kText));
  EXPECT_EQ(ReadDisk(FileOf("").get()).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ReadDisk(FileOf("initdata").get()).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ReadDisk(FileOf(std::string(512, '\0')).get()).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ReadDisk(FileOf(disk.substr(0, 40)).get()).status().code(), absl::StatusCode::kInvalidArgument);
  std::string long_one = disk;
  long_one.replace(8, 8, "\xff\xff\xff\xff\xff\xff\xff\x7f");
  EXPECT_EQ(ReadDisk(FileOf(long_one).get()).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace cc::initdata
