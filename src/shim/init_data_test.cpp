// SPDX-License-Identifier: Apache-2.0
#include "shim/init_data.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "base/file.h"
#include "base/strings.h"
#include "initdata/carrier.h"

namespace cc::shim {
namespace {

using testing::HasSubstr;

const std::string kKey(initdata::kAnnotation);

std::string Text(const std::string& algorithm) {
  return StrCat("version = \"0.1.0\"\nalgorithm = \"", algorithm, "\"\n\n[data]\n\"aa.toml\" = \"x\"\n");
}

std::string Base64(std::string_view bytes) {
  static constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t word = 0;
    for (size_t j = 0; j < 3; ++j) {
      word = word << 8 | (i + j < bytes.size() ? static_cast<unsigned char>(bytes[i + j]) : 0u);
    }
    for (size_t j = 0; j < 4; ++j) out.push_back(kAlphabet[word >> (18 - 6 * j) & 63]);
  }
  for (size_t i = 0; i < (3 - bytes.size() % 3) % 3; ++i) out[out.size() - 1 - i] = '=';
  return out;
}

Annotations With(const std::string& text) { return {{kKey, Base64(initdata::Compress(text))}}; }

std::string Hex(const std::array<uint8_t, 64>& digest) {
  std::string text;
  for (const uint8_t byte : digest) {
    constexpr char kDigits[] = "0123456789abcdef";
    text.push_back(kDigits[byte >> 4]);
    text.push_back(kDigits[byte & 0xf]);
  }
  return text;
}

TEST(InitData, DigestIsThatOfTheTextPaddedWithZeros) {
  // sha256sum, sha384sum, sha512sum of Text(…).
  const std::pair<const char*, const char*> kCases[] = {
      {"sha256", "1fbaa2c99550a1af22626c900a55ab0405fc552d3375da31c820ac0443db1c29"},
      {"sha384",
       "9647c680bbebf05b0737263d213ffcc413dbef5e81214583eb4efee725b2b18a90e6a6e51673e206c87be7220a8a01c8"},
      {"sha512",
       "002e19c1eac40163f9df83046d3c0bb08c83b80db7e9b4c5909ed82313a9fe26fa80e9f9916b9abada01cf249aa0607db021a"
       "fa06ef7c1a3eef94a4bd04724fe"}};
  for (const auto& [algorithm, digest] : kCases) {
    const auto init_data = InitDataOf(With(Text(algorithm)));
    ASSERT_TRUE(init_data.ok()) << init_data.status();
    ASSERT_TRUE(init_data->has_value());
    EXPECT_EQ(Hex((*init_data)->digest), std::string(digest) + std::string(128 - std::strlen(digest), '0'));
  }
}

TEST(InitData, NamesWhomTheGuestWillSpeakTo) {
  const auto init_data = InitDataOf(With(R"(version = "0.1.0"
algorithm = "sha512"
[data]
"aa.toml" = '''
[token_configs.kbs]
url = "https://kbs.example:8080"
'''
"cdh.toml" = '''
[kbc]
name = "cc_kbc"
url = "https://kbs.example:8080"
[[image.registry_config.registry]]
prefix = "docker.io"
[[image.registry_config.registry.mirror]]
location = "mirror.example:5000/hub"
'''
)"));
  ASSERT_TRUE(init_data.ok()) << init_data.status();
  EXPECT_THAT(
      (*init_data)->destinations,
      testing::ElementsAre("https://kbs.example:8080", "https://kbs.example:8080", "mirror.example:5000"));
}

TEST(InitData, IsOptional) {
  EXPECT_FALSE(InitDataOf({})->has_value());
  EXPECT_FALSE(InitDataOf({{kKey, ""}})->has_value());
}

TEST(InitData, BadAnnotationsAreRefusedByName) {
  for (const std::string& value :
       {std::string("!"), std::string("AAAA"), Base64("no gzip"), Base64(initdata::Compress("no toml")),
        Base64(initdata::Compress(Text("md5"))), std::string(4 << 20, 'A'),
        Base64(initdata::Compress(Text("sha256")).substr(0, 30)),
        Base64(initdata::Compress(Text("sha256") + std::string(2 << 20, '#')))}) {
    const auto init_data = InitDataOf({{kKey, value}});
    ASSERT_FALSE(init_data.ok()) << value.substr(0, 100);
    EXPECT_TRUE(absl::IsInvalidArgument(init_data.status())) << init_data.status();
    EXPECT_THAT(std::string(MessageOf(init_data.status())), HasSubstr(kKey));
  }
}

TEST(InitData, ReachesTheGuestAsADiskAndAValue) {
  const TempDir dir = TempDir::Create("/tmp/cc-init-data-test-").value();
  vmm::VmSpec spec;
  spec.state_dir = dir.path();
  const PodInitData init_data = **InitDataOf(With(Text("sha512")));
  ASSERT_TRUE(AddInitData(init_data, &spec).ok());
  EXPECT_EQ(spec.realm.rpv, init_data.digest);
  ASSERT_EQ(spec.disks.size(), 1u);
  EXPECT_TRUE(spec.disks[0].read_only);
  const UniqueFd disk = OpenFile(spec.disks[0].path, O_RDONLY).value();
  EXPECT_EQ(*initdata::ReadDisk(disk.get()), Text("sha512"));
}

}  // namespace
}  // namespace cc::shim
