// SPDX-License-Identifier: Apache-2.0
#include "owner/node/kernel_config.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <filesystem>

#include "base/file.h"
#include "base/strings.h"

namespace cc::node_check {
namespace {

constexpr char kText[] =
    "# Linux/arm64 7.3.4\nCONFIG_SWIOTLB=y\n# CONFIG_X is not set\nCONFIG_ARM_CCA_GUEST=m\nCONFIG_N=48\n";

std::string Gzip(const std::string& text) {
  z_stream stream = {};
  EXPECT_EQ(::deflateInit2(&stream, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(text.size() + 256, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(::deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  ::deflateEnd(&stream);
  return out;
}

class KernelConfigTest : public testing::Test {
 protected:
  std::string Path(const std::string& name) const { return dir_.path() + "/" + name; }
  const TempDir dir_ = TempDir::Create("/tmp/cc-kernel-config-test-").value();
};

TEST_F(KernelConfigTest, IsFoundInTheImage) {
  const std::string image = StrCat(std::string(100, 'x'), "IKCFG_ST", Gzip(kText), "IKCFG_ED", "rest");
  const absl::StatusOr<KernelConfig> config = FindKernelConfig(image, Path("Image"));
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->options,
            (KernelOptions{{"CONFIG_SWIOTLB", "y"}, {"CONFIG_ARM_CCA_GUEST", "m"}, {"CONFIG_N", "48"}}));
}

TEST_F(KernelConfigTest, IsFoundBesideIt) {
  for (const auto& [kernel, config] :
       {std::pair<std::string, std::string>{"vmlinuz-7.3.4-arm64", "config-7.3.4-arm64"},
        {"Image", "Image.config"},
        {"Image", "config"}}) {
    ASSERT_TRUE(WriteFileAtomic(Path(config), kText).ok());
    const absl::StatusOr<KernelConfig> found = FindKernelConfig("image", Path(kernel));
    ASSERT_TRUE(found.ok()) << config;
    EXPECT_EQ(found->source, Path(config));
    std::filesystem::remove(Path(config));
  }
}

TEST_F(KernelConfigTest, BrokenImagesHaveNone) {
  for (const std::string& image :
       {std::string("IKCFG_ST"), std::string("IKCFG_STIKCFG_ED"), std::string("IKCFG_EDIKCFG_ST"),
        StrCat("IKCFG_ST", Gzip(kText).substr(0, 20), "IKCFG_ED"), std::string()}) {
    EXPECT_TRUE(absl::IsNotFound(FindKernelConfig(image, Path("Image")).status())) << image;
  }
}

}  // namespace
}  // namespace cc::node_check
