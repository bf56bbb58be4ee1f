// SPDX-License-Identifier: Apache-2.0
#include "vmm/block/disk_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/strings.h"
#include "vmm/block/test_requests.h"

namespace cc::vmm::block {
namespace {

using ::testing::HasSubstr;
using virtio::kNext;
using virtio::kWrite;

constexpr uint8_t kOk = 0, kIoError = 1, kUnsupported = 2, kUntouched = 0xee;

class DiskFileTest : public ::testing::Test {
 protected:
  void SetUp() override { queue_.emplace(*requests_.ring.Open()); }
  // Takes the chain that begins at descriptor `head`, executes it, and returns the written bytes.
  uint32_t Serve(DiskFile& disk, uint16_t head = 0) {
    requests_.ring.Offer(head);
    virtio::Chain chain;
    EXPECT_TRUE(*queue_->Pop(&chain));
    return disk.Serve(chain);
  }
  uint8_t StatusOf(DiskFile& disk, RequestType type, uint64_t sector, uint32_t size) {
    requests_.Put(0, type, sector, size);
    Serve(disk);
    return requests_.Status(0);
  }

  TestDisk file_;
  TestRequests requests_;
  std::optional<virtio::Virtqueue> queue_;
};

TEST_F(DiskFileTest, ReadsSectors) {
  DiskFile disk = file_.Open(true);
  EXPECT_EQ(disk.sectors(), TestDisk::kSectors);
  requests_.Put(0, RequestType::kIn, 3, 1024);
  EXPECT_EQ(Serve(disk), 1025u);
  EXPECT_EQ(requests_.Status(0), kOk);
  EXPECT_EQ(requests_.Data(0, 1024), TestDisk::Sector(3) + TestDisk::Sector(4));
}

TEST_F(DiskFileTest, WritesSectorsAndFlushes) {
  DiskFile disk = file_.Open(false);
  requests_.PutData(0, std::string(512, 'X'));
  EXPECT_EQ(StatusOf(disk, RequestType::kOut, 7, 512), kOk);
  EXPECT_EQ(file_.content().substr(7 * 512), std::string(512, 'X'));
  EXPECT_EQ(file_.content().substr(6 * 512, 512), TestDisk::Sector(6));
  EXPECT_EQ(StatusOf(disk, RequestType::kFlush, 0, 0), kOk);
}

TEST_F(DiskFileTest, DataMayComeInOddPieces) {
  DiskFile disk = file_.Open(true);
  requests_.Put(0, RequestType::kIn, 1, 1);
  // Header in two pieces; data and status in three, the last with both.
  requests_.ring.Describe(0, TestRequests::HeaderAt(0), 7, kNext, 10);
  requests_.ring.Describe(10, TestRequests::HeaderAt(0) + 7, 9, kNext, 11);
  requests_.ring.Describe(11, TestRequests::DataAt(0), 100, kNext | kWrite, 12);
  requests_.ring.Describe(12, TestRequests::DataAt(0) + 100, 13, kNext | kWrite, 13);
  requests_.ring.Describe(13, TestRequests::DataAt(0) + 113, 400, kWrite);
  EXPECT_EQ(Serve(disk), 513u);
  EXPECT_EQ(requests_.Data(0, 512), TestDisk::Sector(1));
  EXPECT_EQ(requests_.Data(0, 513).back(), kOk);
}

TEST_F(DiskFileTest, ReadOnlyDiskStaysAsItIs) {
  DiskFile disk = *file_.Open(true, O_RDWR);
  const std::string before = file_.content();
  EXPECT_EQ(StatusOf(disk, RequestType::kOut, 0, 512), kIoError);
  EXPECT_EQ(StatusOf(disk, RequestType::kFlush, 0, 0), kOk);
  EXPECT_EQ(file_.content(), before);
}

TEST_F(DiskFileTest, TellsItsSerial) {
  DiskFile disk = file_.Open(true);
  requests_.Put(0, RequestType::kGetId, 0, 20);
  EXPECT_EQ(Serve(disk), 21u);
  EXPECT_EQ(requests_.Data(0, 20), std::string("layer-0") + std::string(13, '\0'));
  requests_.Put(0, RequestType::kGetId, 0, 30);
  EXPECT_EQ(Serve(disk), 20u) << "the ten bytes before the status were not written";
  EXPECT_EQ(StatusOf(disk, RequestType::kGetId, 0, 19), kIoError);
}

TEST_F(DiskFileTest, SectorsThatAreNotThereAreErrors) {
  DiskFile disk = file_.Open(false);
  const std::string before = file_.content();
  const struct {
    uint64_t sector;
    uint32_t size;
  } cases[] = {{8, 512},          {7, 1024}, {9, 512}, {UINT64_MAX, 512}, {UINT64_MAX / 512 + 1, 512},
               {1ULL << 55, 512}, {0, 1},    {0, 511}, {0, 513},          {0, 0}};
  for (const auto& [sector, size] : cases) {
    for (const RequestType type : {RequestType::kIn, RequestType::kOut}) {
      EXPECT_EQ(StatusOf(disk, type, sector, size), kIoError) << sector << " " << size;
    }
  }
  EXPECT_EQ(file_.content(), before);
}

TEST_F(DiskFileTest, OtherRequestsAreUnsupported) {
  DiskFile disk = file_.Open(false);
  for (const uint32_t type : {2u, 7u, 9u, 11u, 13u, 14u, 0xffffffffu}) {
    EXPECT_EQ(StatusOf(disk, static_cast<RequestType>(type), 0, 512), kUnsupported) << type;
  }
}

TEST_F(DiskFileTest, RequestsWithoutHeaderOrStatusAreHarmless) {
  DiskFile disk = file_.Open(false);
  requests_.Put(0, RequestType::kIn, 0, 512);
  requests_.ring.Describe(0, TestRequests::HeaderAt(0), 15, kNext, 2);
  EXPECT_EQ(Serve(disk), 1u);
  EXPECT_EQ(requests_.Status(0), kIoError);
  requests_.Put(0, RequestType::kOut, 0, 512);
  requests_.ring.Describe(1, TestRequests::DataAt(0), 512, 0);
  EXPECT_EQ(Serve(disk), 0u);
  EXPECT_EQ(requests_.Status(0), kUntouched);
  EXPECT_EQ(file_.content().substr(0, 512), TestDisk::Sector(0));
}

TEST_F(DiskFileTest, MoreThanTheLimitIsRefusedBeforeTheFileIsTouched) {
  DiskFile disk = file_.Open(true);
  ASSERT_EQ(::truncate(file_.path().c_str(), 64 << 20), 0);
  disk = file_.Open(true);
  // The same memory again and again.
  requests_.Put(0, RequestType::kIn, 0, 512);
  constexpr uint32_t kPiece = 512 << 10;
  for (uint16_t i = 1; i <= 33; ++i) {
    requests_.ring.Describe(i, TestRequests::DataAt(0), kPiece, kNext | kWrite, i + 1);
  }
  requests_.ring.Describe(34, TestRequests::StatusAt(0), 1, kWrite);
  EXPECT_EQ(Serve(disk), 0u);
  EXPECT_EQ(requests_.Status(0), kIoError);
  requests_.ring.Describe(32, TestRequests::DataAt(0), kPiece, kNext | kWrite, 34);
  EXPECT_EQ(Serve(disk), kMaxTransfer + 1);
  EXPECT_EQ(requests_.Status(0), kOk);
}

TEST_F(DiskFileTest, FileThatShrinksIsAnError) {
  DiskFile disk = file_.Open(true);
  ASSERT_EQ(::truncate(file_.path().c_str(), 700), 0);
  EXPECT_EQ(StatusOf(disk, RequestType::kIn, 0, 512), kOk);
  EXPECT_EQ(StatusOf(disk, RequestType::kIn, 1, 512), kIoError);
}

TEST_F(DiskFileTest, RefusesDescriptorsThatDoNotFit) {
  const auto message = [](const absl::StatusOr<DiskFile>& made) {
    return std::string(MessageOf(made.status()));
  };
  EXPECT_THAT(message(file_.Open(false, O_RDONLY)), HasSubstr("not opened"));
  EXPECT_THAT(message(file_.Open(true, O_WRONLY)), HasSubstr("not opened"));
  EXPECT_THAT(message(file_.Open(true, O_RDONLY, std::string(21, 's'))), HasSubstr("serial"));
  ASSERT_EQ(::truncate(file_.path().c_str(), 513), 0);
  EXPECT_THAT(message(file_.Open(true, O_RDONLY)), HasSubstr("its size of 513"));
}

}  // namespace
}  // namespace cc::vmm::block
