// SPDX-License-Identifier: Apache-2.0
#include "vmm/kvm/machine/arm64_image.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include "base/file.h"
#include "base/strings.h"
#include "vmm/kvm/machine/test_image.h"

namespace cc::vmm::kvm {
namespace {

using ::testing::HasSubstr;

std::string Gzip(std::string_view bytes) {
  z_stream stream{};
  EXPECT_EQ(::deflateInit2(&stream, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(bytes.size() + 1024, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(::deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  ::deflateEnd(&stream);
  return out;
}

absl::StatusOr<Arm64Image> Parse(std::string bytes) {
  return ParseArm64Image(OwnedGuestFile("kernel", std::move(bytes)));
}

TEST(Arm64Image, HeaderIsRead) {
  const Arm64Image image = Parse(ImageBytes({.text_offset = 0x80000})).value();
  EXPECT_EQ(image.text_offset, 0x80000u);
  EXPECT_EQ(image.image_size, 0x300000u);
  EXPECT_EQ(image.page_size, 4096u);
  EXPECT_EQ(Parse(ImageBytes({.flags = 0b110})).value().page_size, 65536u);
  EXPECT_EQ(Parse(ImageBytes({.flags = 0})).value().page_size, 0u);
}

TEST(Arm64Image, GzipGivesTheSameBytes) {
  const std::string plain = ImageBytes({.image_size = 0x2000000}, 20 << 20);
  const Arm64Image image = Parse(Gzip(plain)).value();
  EXPECT_EQ(image.file.bytes, plain);
}

struct BadCase {
  std::string bytes;
  const char* text;
};

TEST(Arm64Image, RefusesWhatIsNoKernel) {
  std::string zboot(4096, '\0');
  zboot.replace(0, 8, std::string("MZ\0\0zimg", 8));
  const std::string gzip = Gzip(ImageBytes());
  const BadCase cases[] = {
      {"\x7f"
       "ELF" +
           std::string(200, '\0'),
       "no arm64 Image"},
      {"MZ", "no arm64 Image"},
      {ImageBytes().substr(0, 63), "no arm64 Image"},
      {zboot, "EFI zboot"},
      {ImageBytes({.flags = 1}), "big-endian"},
      {ImageBytes({.text_offset = 0x200000}), "text offset"},
      {ImageBytes({.image_size = 0}), "no size"},
      {ImageBytes({.image_size = 0x1000}), "header says 4096 bytes"},
      {ImageBytes({.image_size = ~uint64_t{0}}), "header says"},
      {gzip.substr(0, gzip.size() / 2), "damaged or truncated"},
      {std::string("\x1f\x8b", 2) + std::string(100, 'x'), "damaged or truncated"},
      {Gzip("hello"), "no arm64 Image"},
      {Gzip(std::string(kMaxImage + 1, '\0')), "inflates to more"},
  };
  for (const BadCase& bad : cases) {
    const absl::Status status = Parse(bad.bytes).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << bad.text;
    EXPECT_THAT(std::string(MessageOf(status)), HasSubstr(bad.text));
  }
}

TEST(GuestFile, MapsAFileAndRefusesOthers) {
  const TempDir dir = *TempDir::Create("guest-file-test");
  const std::string path = dir.path() + "/file";
  ASSERT_TRUE(WriteFileAtomic(path, "content").ok());
  const GuestFile file = MapGuestFile(path).value();
  EXPECT_EQ(file.bytes, "content");
  ASSERT_TRUE(WriteFileAtomic(path, "").ok());
  EXPECT_THAT(std::string(MessageOf(MapGuestFile(path).status())), HasSubstr("is empty"));
  EXPECT_TRUE(absl::IsInvalidArgument(MapGuestFile(dir.path()).status()));
  EXPECT_TRUE(absl::IsNotFound(MapGuestFile(path + "x").status()));
}

}  // namespace
}  // namespace cc::vmm::kvm
