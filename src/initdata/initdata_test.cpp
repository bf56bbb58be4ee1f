// SPDX-License-Identifier: Apache-2.0
#include "initdata/initdata.h"

#include <gtest/gtest.h>

#include "base/strings.h"

namespace cc::initdata {
namespace {

TEST(InitDataTest, ReadsFilesAndAlgorithm) {
  const auto parsed = Parse(
      "version = \"0.1.0\"\nalgorithm = \"SHA-512\"\nextra = 1\n[data]\n\"aa.toml\" = '''\n[log]\n'''\n"
      "note = \"text\"\n");
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->algorithm, "sha512");
  EXPECT_EQ(parsed->Find(kAttestationAgentConfig), "[log]\n");
  EXPECT_EQ(parsed->Find("note"), "text");
  EXPECT_EQ(parsed->Find(kAgentPolicy), "");
}

TEST(InitDataTest, RefusesOtherTexts) {
  struct {
    std::string text, complaint;
  } const cases[] = {
      {"", "version"},
      {"=", "line 1"},
      {"version = \"0.2.0\"\nalgorithm = \"sha256\"\n[data]\n", "version"},
      {"version = 1\nalgorithm = \"sha256\"\n[data]\n", "version"},
      {"version = \"0.1.0\"\n[data]\n", "algorithm"},
      {"version = \"0.1.0\"\nalgorithm = \"md5\"\n[data]\n", "md5"},
      {"version = \"0.1.0\"\nalgorithm = \"sha256\"\n", "data"},
      {"version = \"0.1.0\"\nalgorithm = \"sha256\"\ndata = \"x\"\n", "data"},
      {"version = \"0.1.0\"\nalgorithm = \"sha256\"\n[data]\nx = 1\n", "data.x"},
      {std::string(kMaxSize + 1, '#'), "1 MiB"},
  };
  for (const auto& test : cases) {
    const auto parsed = Parse(test.text);
    EXPECT_EQ(parsed.status().code(), absl::StatusCode::kInvalidArgument) << test.complaint;
    EXPECT_NE(parsed.status().message().find(test.complaint), std::string::npos) << parsed.status();
  }
}

}  // namespace
}  // namespace cc::initdata
